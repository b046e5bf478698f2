// Starting a browser on a local address that no other user may learn.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** @import { Browser } from './browser.js' */

/**
 * A browser that was started; `end` deletes the file that it was given, if any.
 *
 * @typedef {object} Launched
 * @property {'address' | 'file' | 'by-hand'} opened what it was started on
 * @property {() => void} end
 */

/**
 * Starts `browser` on `address`, which works once.
 *
 * Every user of the machine can read a command line, except on Windows. So the address is
 * put there only if the listener can tell users apart; otherwise the browser is started on
 * a file that only this user can read.
 *
 * @param {Browser} browser
 * @param {string} address
 * @param {boolean} tellsPeers
 * @param {string} platform
 * @returns {Promise<Launched>}
 */
export async function launch(browser, address, tellsPeers, platform = process.platform) {
  if (tellsPeers || platform === 'win32' || !browser.openFile) {
    await browser(address);
    return { opened: 'address', end: () => {} };
  }
  // Of mode 0700.
  const folder = mkdtempSync(join(tmpdir(), 'latchstring-'));
  const end = () => rmSync(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'login.html');
    writeFileSync(file, page(address), { mode: 0o600, flag: 'wx' });
    await browser.openFile(pathToFileURL(file).href);
  } catch (error) {
    end();
    throw error;
  }
  return { opened: 'file', end };
}

/**
 * A page that leads on at once. The address holds nothing that HTML escapes: a local
 * origin, a path and base64url.
 *
 * @param {string} address
 */
function page(address) {
  return `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url=${address}"><title>Login</title><a href="${address}">Go on to the login</a>\n`;
}

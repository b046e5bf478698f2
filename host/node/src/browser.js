// Starts the user's browser: without a shell, this program's standard streams and its secrets.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { LatchError, reason } from './error.js';

/**
 * Starts a browser on a URL and returns without waiting for it to end. Throws if no browser could
 * be started. `failed` resolves with the reason if the browser fails later, so that it has shown
 * no page.
 *
 * @typedef {(url: string) => Promise<void | Started> | void | Started} Open
 * @typedef {{ failed?: Promise<string> }} Started
 */

/**
 * Starts a browser. A browser that puts the URL on a command line, where other users can read it,
 * has `openFile`: this starts it on a private file, given by its `file:` URL.
 *
 * @typedef {Open & { openFile?: Open }} Browser
 */

/** Time for a desktop's launcher to fail before it counts as working. */
const SETTLING_MS = 300;

/** Variables with secrets for the native program. No browser inherits them. */
const SECRET_VARIABLES = [
  'LATCH_CLIENT_SECRET',
  'LATCH_ANONYMOUS_REFRESH_TOKEN',
  'LATCH_INITIAL_ACCESS_TOKEN',
  'LATCH_PASSPHRASE',
  'LATCH_ACCESS_TOKEN',
];

/** The launchers of desktops. @type {Record<string, string[][]>} */
const LAUNCHERS = {
  darwin: [['/usr/bin/open']],
  win32: [['rundll32.exe', 'url.dll,FileProtocolHandler']],
  graphical: [['xdg-open'], ['gio', 'open'], ['wslview'], ['x-www-browser']],
  // Others would start a text browser that the user does not see.
  text: [['wslview']],
};

/**
 * Returns a browser that runs a command with the URL as its last word.
 *
 * @param {string[]} command
 */
export function commandBrowser(command) {
  const words = (/** @type {string} */ why) => `cannot start the browser ${command[0]}: ${why}`;
  /** @type {Browser} */
  const browser = async (address) => {
    const child = await start([...command, address]).catch((error) => {
      const remedy = 'open the address by hand, or name another browser';
      throw new LatchError('host-fault', words(reason(error)), remedy);
    });
    const failed = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        const how = signal ? `signal: ${signal}` : `exit status: ${status}`;
        if (status !== 0) resolve(words(`it ended with ${how}`));
      });
    });
    return { failed };
  };
  browser.openFile = browser;
  return browser;
}

/** Starts the browser that the user or the desktop has chosen. @type {Browser} */
export const systemBrowser = async (address) => {
  for (const { words, settles } of launchers()) {
    const command = words.map((word) => word.replaceAll('%s', () => address));
    const child = await start(command).catch(() => undefined);
    if (!child) continue;
    if (!settles) return;
    const exit = once(child, 'exit').then(([status]) => status === 0);
    if (await Promise.race([exit, sleep(SETTLING_MS, true)])) return;
  }
  const remedy = 'open the address by hand, or name a browser in BROWSER';
  throw new LatchError('host-fault', 'no program that opens addresses works here', remedy);
};
systemBrowser.openFile = systemBrowser;

/**
 * Returns the commands to try, in order. First those in `BROWSER`, separated by colons, then the
 * desktop's launchers. `%s` is replaced by the URL, which is appended if there is no `%s`.
 * `settles` says whether the exit status of a command soon says if it found a browser.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} platform
 */
export function launchers(environment = process.env, platform = process.platform) {
  const named = platform === 'win32' ? [] : (environment.BROWSER ?? '').split(':');
  const own = named.map((entry) => entry.trim().split(/\s+/)).filter(([program]) => program);
  const session = environment.DISPLAY || environment.WAYLAND_DISPLAY ? 'graphical' : 'text';
  const withAddress = (/** @type {string[]} */ words) =>
    words.some((word) => word.includes('%s')) ? words : [...words, '%s'];
  const desktop = LAUNCHERS[platform] ?? LAUNCHERS[session];
  return [
    // May be the browser itself, which keeps running.
    ...own.map((words) => ({ words: withAddress(words), settles: false })),
    ...desktop.map((words) => ({ words: withAddress(words), settles: true })),
  ];
}

/** @param {string[]} command */
async function start([program, ...words]) {
  const env = { ...process.env };
  for (const name of SECRET_VARIABLES) delete env[name];
  const child = spawn(program, words, {
    env,
    stdio: 'ignore',
    // Ctrl-C in this terminal does not reach the browser.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  child.unref();
  await once(child, 'spawn');
  return child;
}

/**
 * A browser that was started on an address of a login.
 *
 * @typedef {object} Launched
 * @property {'address' | 'file'} opened what it was started on
 * @property {Promise<string>} [failed] resolves with the reason if it fails later
 * @property {() => void} end deletes the file that it was started on, if any
 */

/**
 * Starts `browser` on `address`, which works once.
 *
 * Every user of the machine can read a browser's command line, except on Windows. So the address
 * is put there only if the listener can tell users apart; otherwise the browser is started on a
 * file that only this user can read.
 *
 * @param {Browser} browser
 * @param {string} address a local origin, a path and base64url: HTML escapes none of it
 * @param {boolean} tellsPeers
 * @param {string} platform
 * @returns {Promise<Launched>}
 */
export async function launch(browser, address, tellsPeers, platform = process.platform) {
  if (tellsPeers || platform === 'win32' || !browser.openFile) {
    const started = await browser(address);
    return { opened: 'address', failed: started?.failed, end: () => {} };
  }
  // Its mode is 0700.
  const folder = mkdtempSync(join(tmpdir(), 'latchstring-'));
  const end = () => rmSync(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'login.html');
    const page = [
      '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">',
      `<meta http-equiv="refresh" content="0; url=${address}"><title>Continue</title>`,
      `<a href="${address}">Continue</a>`,
    ].join('\n');
    writeFileSync(file, page, { mode: 0o600, flag: 'wx' });
    const started = await browser.openFile(pathToFileURL(file).href);
    return { opened: 'file', failed: started?.failed, end };
  } catch (error) {
    end();
    throw error;
  }
}

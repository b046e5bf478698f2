// Starting the person's browser: without a shell, and with its chatter kept off this
// program's output.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { LatchError } from './error.js';

/**
 * Starts a browser on a URL that the rules permit. `openFile` is for a browser whose address would stand on a
 * command line, where other users can read it: starts it on a private file instead,
 * given by its `file:` URL.
 *
 * @typedef {((url: string) => Promise<void> | void) & { openFile?: (url: string) => Promise<void> | void }} Browser
 */

/** How long a desktop's launcher has to fail before it counts as working. */
const SETTLING_MS = 300;

/**
 * A browser by its command: the address becomes its last word.
 *
 * @param {string[]} command
 * @returns {Browser}
 */
export function commandBrowser(command) {
  const open = async (/** @type {string} */ address) => {
    if (await starts([...command, address], 0)) return;
    throw new LatchError(
      'host-fault',
      `cannot start the browser ${command[0]}`,
      'open the address by hand, or name another browser',
    );
  };
  return Object.assign((/** @type {string} */ url) => open(url), { openFile: open });
}

/**
 * The browser that the person or the desktop has chosen.
 *
 * @param {string} url
 */
export async function systemBrowser(url) {
  return firstThatStarts(url);
}

systemBrowser.openFile = firstThatStarts;

/** @param {string} address */
async function firstThatStarts(address) {
  for (const { words, settlingMs } of launchers()) {
    const complete = words.map((word) => word.replaceAll('%s', address));
    if (await starts(complete, settlingMs)) return;
  }
  throw new LatchError(
    'host-fault',
    'no browser could be started',
    'open the address by hand, or name a browser in BROWSER',
  );
}

/**
 * The commands in `BROWSER`, separated by colons, `%s` standing for the address, then
 * the desktop's own. Those need a graphical session: without one they would start a
 * text browser that nobody sees.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} platform
 */
export function launchers(environment = process.env, platform = process.platform) {
  const named = platform === 'win32' ? [] : (environment.BROWSER ?? '').split(':');
  const own = named.map((entry) => entry.trim().split(/\s+/)).filter(([program]) => program);
  const graphical = environment.DISPLAY || environment.WAYLAND_DISPLAY;
  const desktop =
    platform === 'darwin'
      ? [['/usr/bin/open']]
      : platform === 'win32'
        ? [['rundll32.exe', 'url.dll,FileProtocolHandler']]
        : graphical
          ? [['xdg-open'], ['gio', 'open'], ['wslview'], ['x-www-browser']]
          : [['wslview']];
  const withAddress = (/** @type {string[]} */ words) =>
    words.some((word) => word.includes('%s')) ? words : [...words, '%s'];
  return [
    // It may be the browser itself, which tells nothing by running on.
    ...own.map((words) => ({ words: withAddress(words), settlingMs: 0 })),
    ...desktop.map((words) => ({ words: withAddress(words), settlingMs: SETTLING_MS })),
  ];
}

/**
 * @param {string[]} command
 * @param {number} settlingMs how long it has to fail
 */
async function starts([program, ...words], settlingMs) {
  const child = spawn(program, words, {
    stdio: 'ignore',
    // Ctrl-C in this program's terminal is not for the browser.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  child.unref();
  try {
    await once(child, 'spawn');
  } catch {
    return false;
  }
  if (settlingMs === 0) return true;
  const status = once(child, 'exit').then(([code]) => code);
  return (await Promise.race([status, sleep(settlingMs, 0)])) === 0;
}

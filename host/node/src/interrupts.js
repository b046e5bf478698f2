// Signals that end this program, held back while a session is being renewed.
//
// A provider that rotates refresh tokens may have revoked the old one as soon as it
// receives the request. If the program ended before the answer is saved, the session would
// be lost.

import { setImmediate as turn } from 'node:timers/promises';

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** How many renewals are under way. */
let holders = 0;
/** What came meanwhile. @type {Set<NodeJS.Signals>} */
const held = new Set();

/** @param {NodeJS.Signals} signal */
const hold = (signal) => {
  held.add(signal);
};

/**
 * Holds SIGINT, SIGTERM and SIGHUP back. The returned function stops that and raises those
 * that came.
 */
export function holdSignals() {
  holders += 1;
  if (holders === 1) for (const signal of SIGNALS) process.on(signal, hold);
  let released = false;
  return async () => {
    if (released) return;
    released = true;
    // Node hears of a signal when it next looks for events, at the latest in the second
    // turn: one that came just now would be lost with its listener.
    await turn();
    await turn();
    holders -= 1;
    if (holders > 0) return;
    for (const signal of SIGNALS) process.off(signal, hold);
    for (const signal of held) {
      // A program that listens itself has heard it already.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    }
    held.clear();
  };
}

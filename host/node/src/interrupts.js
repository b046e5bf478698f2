// Delays signals that would end the program during a refresh.
//
// A provider that rotates refresh tokens may revoke the old one as soon as it receives the
// request. If the program ended before the response is saved, the session would be lost.

import { setImmediate as turn } from 'node:timers/promises';

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** The number of refreshes that are running. */
let holders = 0;
/** The signals that came meanwhile. @type {Set<NodeJS.Signals>} */
const held = new Set();

/** @param {NodeJS.Signals} signal */
const hold = (signal) => void held.add(signal);

/**
 * Delays SIGINT, SIGTERM and SIGHUP. Returns a function that ends the delay and raises the signals
 * that came.
 */
export function holdSignals() {
  holders += 1;
  if (holders === 1) for (const signal of SIGNALS) process.on(signal, hold);
  return async () => {
    // Node passes on a signal when it next looks for events, at the latest in the second turn.
    // Without these turns, a signal that came just now would be lost with its listener.
    await turn();
    await turn();
    holders -= 1;
    if (holders > 0) return;
    for (const signal of SIGNALS) process.off(signal, hold);
    for (const signal of held) {
      // If the program has its own listener, that has already run.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    }
    held.clear();
  };
}

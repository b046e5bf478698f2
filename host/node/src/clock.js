// The time.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * The time that a session goes by. A test's clock may run faster.
 *
 * @typedef {object} Clock
 * @property {() => number} nowMs returns the milliseconds since the epoch
 * @property {(ms: number, signal?: AbortSignal) => Promise<void>} sleep waits; fails once `signal`
 *   is aborted
 */

/** The longest wait of a timer. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** @type {Clock} */
export const systemClock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) => pause(Math.min(ms, LONGEST_WAIT_MS), undefined, { signal }),
};

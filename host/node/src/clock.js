// The time.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * What a login waits by; a test's may run as fast as it likes.
 *
 * @typedef {object} Clock
 * @property {() => number} nowMs milliseconds since 1970
 * @property {(ms: number, signal?: AbortSignal) => Promise<void>} sleep fails once
 * `signal` comes, and holds nothing from then on
 */

/** The longest that timers can wait. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** @type {Clock} */
export const systemClock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) => pause(Math.min(ms, LONGEST_WAIT_MS), undefined, { signal }),
};

// A session as it is stored: one line of the host, then the component's bytes unchanged.
// The rules component reads and writes that line, and sees no more.

import { decided } from './components.js';

/** @import { Rules } from './components.js' */

const NEWLINE = 10;

/**
 * @typedef {object} Stored
 * @property {string[]} origins pinned, such as `https://id.example`
 * @property {Uint8Array} bytes the component's own, opaque to the host
 */

/**
 * Parses stored bytes.
 *
 * @param {Rules} rules
 * @param {Uint8Array} stored
 * @param {string} place where the bytes came from, for the error
 * @returns {Stored}
 */
export function open(rules, stored, place) {
  const newline = stored.indexOf(NEWLINE);
  const end = newline < 0 ? stored.length : newline;
  // Copies: small files share a buffer.
  const line = new Uint8Array(stored.subarray(0, end));
  const bytes = new Uint8Array(stored.subarray(end + 1));
  const rest = newline < 0 ? undefined : BigInt(bytes.length);
  return { origins: decided(() => rules.parseHeader(line, rest, place)), bytes };
}

/**
 * Returns the bytes to store.
 *
 * @param {Rules} rules
 * @param {Stored} session
 */
export function seal(rules, { origins, bytes }) {
  const line = decided(() => rules.headerLine(origins, BigInt(bytes.length)));
  return Buffer.concat([Buffer.from(line), bytes]);
}

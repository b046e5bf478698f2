// A session as it lies in a store: one line of the host's, then the component's
// bytes as they are. Every host of the component reads and writes the same.
//
//     {"latchstring":1,"origins":["https://id.example"],"bytes":812}
//     ...812 bytes...
//
// The origins are those that a host itself pinned when it saw the provider's
// metadata: a later run holds the component to them without asking it.

import { isOrigin } from './egress.js';
import { LatchError } from './error.js';

/** Raised whenever an older reader would misunderstand a newer envelope. */
const FORMAT = 1;

/** How a file begins that the native host has encrypted. */
const ENCRYPTED = 'age-encryption.org/';

/**
 * @typedef {object} Envelope
 * @property {string[]} origins such as `https://id.example`, default ports left out
 * @property {Uint8Array} session the component's own, opaque to the host
 */

/**
 * @param {Uint8Array} stored
 * @param {string} place where the bytes came from, for the error
 * @returns {Envelope}
 */
export function open(stored, place) {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  if (bytes.subarray(0, ENCRYPTED.length).toString('latin1') === ENCRYPTED) {
    throw new LatchError(
      'store-unusable',
      `the stored session in ${place} is encrypted, which this host cannot read`,
      'log in again without encryption, or use the native program',
    );
  }
  const end = bytes.indexOf('\n');
  const header = end < 0 ? undefined : parsed(bytes.subarray(0, end).toString());
  if (header?.latchstring > FORMAT) {
    throw new LatchError(
      'stored-newer',
      `the stored session in ${place} has format ${header?.latchstring}; this version reads up to ${FORMAT}`,
      'use the newer version that wrote it; nothing was changed',
    );
  }
  const session = new Uint8Array(bytes.subarray(end + 1));
  const whole = header?.latchstring === FORMAT && header.bytes === session.length;
  if (!whole || !Array.isArray(header.origins) || !header.origins.every(isOrigin)) {
    throw new LatchError(
      'stored-damaged',
      `the stored session in ${place} is damaged or cut short`,
      'log in again, which sets it aside and keeps it',
    );
  }
  return { origins: header.origins, session };
}

/** @param {Envelope} envelope */
export function seal({ origins, session }) {
  const header = JSON.stringify({ latchstring: FORMAT, origins, bytes: session.length });
  return Buffer.concat([Buffer.from(`${header}\n`), session]);
}

/**
 * @param {string} line
 * @returns {Record<string, any> | undefined}
 */
function parsed(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return undefined;
  }
}

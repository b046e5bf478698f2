// A stored session: one line of the host, then the login component's bytes, unchanged. The rules
// component reads and writes that line, and does not see the bytes.

import { decided } from './components.js';
import { LatchError } from './error.js';

/** @import { Rules } from './components.js' */
/** @import { Store } from './store.js' */

const NEWLINE = 10;

/**
 * @typedef {object} Stored
 * @property {string[]} origins the pinned origins, such as `https://id.example`
 * @property {Uint8Array} bytes the login component's bytes
 */

/**
 * Parses a stored session. `place` is where it is stored, for the error.
 *
 * @param {Rules} rules
 * @param {Uint8Array} stored
 * @param {string} place
 * @returns {Stored}
 */
export function open(rules, stored, place) {
  const newline = stored.indexOf(NEWLINE);
  const end = newline < 0 ? stored.length : newline;
  const bytes = stored.subarray(end + 1);
  const rest = newline < 0 ? undefined : BigInt(bytes.length);
  return { origins: decided(() => rules.parseHeader(stored.subarray(0, end), rest, place)), bytes };
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

/**
 * Returns the stored session, or `undefined` if there is none.
 *
 * @param {Rules} rules
 * @param {Store} store
 */
export async function read(rules, store) {
  const stored = await store.read();
  return stored && open(rules, stored, store.place);
}

/**
 * Returns what is stored about the registration of a client, or `undefined` if there is nothing.
 * What is damaged counts as nothing: a client can be registered again.
 *
 * @param {Rules} rules
 * @param {Store} store
 */
export async function readRegistration(rules, store) {
  try {
    return (await read(rules, store))?.bytes;
  } catch (error) {
    if (error instanceof LatchError && error.code === 'stored-damaged') return undefined;
    throw error;
  }
}

/**
 * Runs a call of the login component, and adds the place to the error of a session that cannot
 * be read: the component does not know it.
 *
 * @template T
 * @param {Store} store
 * @param {() => T} call
 */
export function placed(store, call) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof LatchError)) throw error;
    const { code, message, remedy } = error;
    if (code !== 'stored-damaged' && code !== 'stored-newer') throw error;
    throw new LatchError(code, `${message} (${store.place})`, remedy, error);
  }
}

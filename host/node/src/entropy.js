// What nobody can guess.

import { randomBytes } from 'node:crypto';

/** 32 bytes, different at every call. */
export function entropy() {
  return new Uint8Array(randomBytes(32));
}

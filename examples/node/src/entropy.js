// What nobody can guess.

import { randomBytes } from 'node:crypto';

/** 32 bytes, fresh for each session. */
export function entropy() {
  return new Uint8Array(randomBytes(32));
}

/** A text, for addresses and cookies. */
export function secret() {
  return randomBytes(32).toString('base64url');
}

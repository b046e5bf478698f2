// What the component cannot know: the time, and randomness.

import { randomBytes } from 'node:crypto';

/** Milliseconds since 1970, as the contract counts them. */
export function now() {
  return BigInt(Date.now());
}

/** 32 bytes that nobody can guess. */
export function entropy() {
  return new Uint8Array(randomBytes(32));
}

/** A text that nobody can guess, for addresses and cookies. */
export function secret() {
  return randomBytes(32).toString('base64url');
}

/** Fresh for each session. */
export function context() {
  return { nowMs: now(), entropy: entropy() };
}

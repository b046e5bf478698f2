// The error of every call: a failure of the component, or this host's own.

/** @import { Code, Failure, ProviderError } from '../component/interfaces/latchstring-login-flow.js' */

/** A failure, which never contains a secret. Its texts are one line of printable characters. */
export class LatchError extends Error {
  /**
   * @param {Code} code
   * @param {string} message what happened, and what was expected
   * @param {string} remedy what to do next
   * @param {{ retryable?: boolean, provider?: ProviderError }} [more]
   */
  constructor(code, message, remedy, { retryable = false, provider } = {}) {
    super(printable(message));
    this.name = 'LatchError';
    /** The stable code, such as `login-required`. */
    this.code = code;
    /** What to do next. */
    this.remedy = printable(remedy);
    /** Whether the same attempt may work later. */
    this.retryable = retryable;
    /** The provider's own error, if it sent one (RFC 6749 §4.1.2.1, §5.2). */
    this.provider = provider && {
      error: printable(provider.error),
      description: provider.description === undefined ? undefined : printable(provider.description),
    };
  }

  /** @param {Failure} failure what a function of a component throws */
  static from(failure) {
    return new LatchError(failure.code, failure.message, failure.remedy, failure);
  }
}

/**
 * Returns the error of a component or host that broke its contract: the user can only report it.
 *
 * @param {'sandbox-fault' | 'host-fault'} code
 * @param {string} message
 */
export function fault(code, message) {
  return new LatchError(code, message, 'report this bug, with the version of this program');
}

/**
 * Returns the text with control characters, and characters that hide or reorder text, as escapes.
 *
 * @param {string} text
 */
export function printable(text) {
  return text.replace(
    /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/**
 * Returns the system's code of an error, such as `ENOSPC`, or its message if it has none. The
 * message of an error with a code may name other paths.
 *
 * @param {unknown} error
 */
export function reason(error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  return code ?? message;
}

// What went wrong, in the contract's terms: one error for the component's failures
// and this host's own.

/** @import { Code, Failure, ProviderError } from '../component/interfaces/latchstring-login-flow.js' */

/**
 * A failure with a stable code, what happened, and what to do next.
 *
 * Holds no secret, and its texts are one line of printable characters.
 */
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
    /** The contract's name for it, such as `login-required`. */
    this.code = code;
    this.remedy = printable(remedy);
    /** Whether the same attempt may work later. */
    this.retryable = retryable;
    /** The provider's own error, where it sent one (RFC 6749 §4.1.2.1, §5.2). */
    this.provider = provider && {
      error: printable(provider.error),
      description: provider.description === undefined ? undefined : printable(provider.description),
    };
  }

  /**
   * The component escapes its texts; a host does not take its word for it.
   *
   * @param {Failure} failure
   */
  static from({ code, message, remedy, retryable, provider }) {
    return new LatchError(code, message, remedy, { retryable, provider });
  }

  /**
   * The same, naming the place where it happened.
   *
   * @param {string} place
   */
  at(place) {
    const { code, message, remedy } = this;
    return new LatchError(code, `${message} (${place})`, remedy, this);
  }
}

/**
 * The component did what no sound one does.
 *
 * @param {string} message
 */
export function sandboxFault(message) {
  return new LatchError('sandbox-fault', message, 'report it with the version of this program');
}

/**
 * `text` with every control character, and every character that can reorder a line,
 * written as an escape.
 *
 * @param {string} text
 */
export function printable(text) {
  return text.replace(
    /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu,
    (character) => `\\u{${/** @type {number} */ (character.codePointAt(0)).toString(16)}}`,
  );
}

/**
 * The system's word for it, such as `ENOSPC`: its whole text may name other paths.
 *
 * @param {unknown} error
 */
export function reason(error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  return code ?? message;
}

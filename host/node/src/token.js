// The outcomes of a session, as callers get them.

import { inspect } from 'node:util';

import { fault } from './error.js';

/** @import { Grant, Outcome } from '../component/interfaces/latchstring-login-flow.js' */

/** An access token and what came with it. `inspect` and `JSON.stringify` show no secrets. */
export class Token {
  #grant;

  /** @param {Grant} grant */
  constructor(grant) {
    this.#grant = grant;
    /** The granted scopes (RFC 6749 §5.1). */
    this.scopes = grant.scopes;
    /** When the token expires, in milliseconds since the epoch; undefined if unknown. */
    this.expiresAtMs = milliseconds(grant.expiresAtMs);
    /**
     * When a long-running program should ask for a token again, in milliseconds since the epoch;
     * undefined if the token cannot be refreshed or does not expire.
     */
    this.renewAtMs = milliseconds(grant.renewAtMs);
    /** What the user should know about this token, one line each. */
    this.notices = grant.notices;
    /**
     * Names of authorization request parameters that are sent by default and that the provider
     * refuses. With an empty value in `parameters`, later logins omit them.
     */
    this.refusedParameters = grant.refusedParameters;
    /** Where the token came from: `login`, `cached`, `renewed` or `adopted`. */
    this.source = grant.source;
  }

  /** The access token (RFC 6749 §1.4). */
  get accessToken() {
    return this.#grant.accessToken;
  }

  /** The token type, `Bearer` in the provider's spelling (RFC 6750). */
  get tokenType() {
    return this.#grant.tokenType;
  }

  /** The headers of a request to the provider's API, as `fetch` takes them (RFC 6750 §2.1). */
  get headers() {
    return Object.fromEntries(this.#grant.headers.map(({ name, value }) => [name, value]));
  }

  /** The verified ID token, as issued (OpenID Connect Core §2). */
  get idToken() {
    return this.#grant.idToken;
  }

  /**
   * What was granted in detail (RFC 9396 §7); undefined if the provider did not say.
   *
   * @returns {Record<string, unknown>[] | undefined}
   */
  get authorizationDetails() {
    const details = this.#grant.authorizationDetails;
    return details === undefined ? undefined : JSON.parse(details);
  }

  /** The claims of the verified ID token, replaced by those of userinfo if it was asked. */
  get claims() {
    return object(this.#grant.claims);
  }

  /** The result of an examination other than userinfo. */
  get report() {
    return object(this.#grant.report);
  }

  [inspect.custom]() {
    const { scopes, expiresAtMs, renewAtMs, source } = this;
    return { accessToken: '[secret]', scopes, expiresAtMs, renewAtMs, source };
  }
}

/** @param {bigint | undefined} epochMs */
function milliseconds(epochMs) {
  return epochMs === undefined ? undefined : Number(epochMs);
}

/** @param {string | undefined} json @returns {Record<string, unknown> | undefined} */
function object(json) {
  return json === undefined ? undefined : JSON.parse(json);
}

/** Printable ASCII, because tokens and headers are written into lines of text. */
const ONE_LINE = /^[\x20-\x7e]*$/;

/**
 * Returns the token that the session ended with.
 *
 * @param {Outcome} outcome
 */
export function granted(outcome) {
  if (outcome.tag !== 'granted') throw misfit();
  const { accessToken, tokenType, idToken = '', headers } = outcome.val;
  const texts = [accessToken, tokenType, idToken, ...headers.flatMap(Object.values)];
  if (texts.every((text) => ONE_LINE.test(text))) return new Token(outcome.val);
  const what = 'a token that contains line breaks or control characters';
  throw fault('sandbox-fault', `the login component returned ${what}`);
}

/**
 * Returns the report that a logout ended with.
 *
 * @param {Outcome} outcome
 */
export function loggedOut(outcome) {
  if (outcome.tag === 'logged-out') return outcome.val;
  throw misfit();
}

function misfit() {
  const message = 'the login component ended with another outcome than was requested';
  return fault('sandbox-fault', message);
}

// An access token as callers hold it.

import { inspect } from 'node:util';

import { sandboxFault } from './error.js';

/** @import { Egress } from './egress.js' */
/** @import { Grant, Outcome } from '../component/interfaces/latchstring-login-flow.js' */

/** An access token, and what came with it. Printed, or made JSON of, it shows no secret. */
export class Token {
  #grant;

  /** @param {Grant} grant */
  constructor(grant) {
    this.#grant = grant;
    /** Granted scopes. */
    this.scopes = grant.scopes;
    /** Milliseconds since 1970; none where the provider did not say. */
    this.expiresAtMs = number(grant.expiresAtMs);
    /** When a program that lives long should ask again. */
    this.renewAtMs = number(grant.renewAtMs);
    /** What the user should know about this token, one line each. */
    this.notices = grant.notices;
    /**
     * Default parameters of the authorization request that the provider refuses: give
     * them an empty value in later logins.
     */
    this.refusedParameters = grant.refusedParameters;
    /** Where it came from: `login`, `cached`, `renewed` or `adopted`. */
    this.source = grant.source;
  }

  /** The access token itself (RFC 6749 §1.4). */
  get accessToken() {
    return this.#grant.accessToken;
  }

  /** A kind of `Bearer`, as the provider spells it (RFC 6750). */
  get tokenType() {
    return this.#grant.tokenType;
  }

  /** What a request to the provider's API carries, as `fetch` takes it (RFC 6750 §2.1). */
  get headers() {
    return Object.fromEntries(this.#grant.headers.map(({ name, value }) => [name, value]));
  }

  /** The verified ID token, as issued (OpenID Connect Core §2). */
  get idToken() {
    return this.#grant.idToken;
  }

  /**
   * Who logged in: the claims of the verified ID token, and over them those of
   * userinfo where it was asked.
   *
   * @returns {Record<string, unknown> | undefined}
   */
  get claims() {
    return this.#grant.claims === undefined ? undefined : JSON.parse(this.#grant.claims);
  }

  /**
   * What an examination of the token brought, other than of userinfo.
   *
   * @returns {Record<string, unknown> | undefined}
   */
  get report() {
    return this.#grant.report === undefined ? undefined : JSON.parse(this.#grant.report);
  }

  [inspect.custom]() {
    const { scopes, expiresAtMs, renewAtMs, source } = this;
    return { accessToken: '[secret]', scopes, expiresAtMs, renewAtMs, source };
  }
}

/** @param {bigint | undefined} epochMs */
function number(epochMs) {
  return epochMs === undefined ? undefined : Number(epochMs);
}

/** Printable ASCII: a line break in a token or a header would end a line of text. */
const ONE_LINE = /^[\x20-\x7e]*$/;

/**
 * The token that an operation was to end with.
 *
 * @param {Outcome} outcome
 */
export function granted(outcome) {
  if (outcome.tag !== 'granted') throw misfit();
  const { accessToken, tokenType, idToken = '', headers } = outcome.val;
  const texts = [
    accessToken,
    tokenType,
    idToken,
    ...headers.flatMap(({ name, value }) => [name, value]),
  ];
  if (!texts.every((text) => ONE_LINE.test(text))) {
    throw sandboxFault('the login component brought a token that no line of text may hold');
  }
  return new Token(outcome.val);
}

/**
 * The report that a logout was to end with. Its page is one that the user may be sent to.
 *
 * @param {Outcome} outcome
 * @param {Egress} egress
 */
export function loggedOut(outcome, egress) {
  if (outcome.tag !== 'logged-out') throw misfit();
  const { endSessionUrl } = outcome.val;
  if (endSessionUrl !== undefined) egress.page(endSessionUrl);
  return outcome.val;
}

function misfit() {
  return sandboxFault('the login component ended with another outcome than was asked for');
}

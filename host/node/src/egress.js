// Where the requests of one session, and the user's browser, may go. The rules component
// decides; this host only resolves names.

import { isUtf8 } from 'node:buffer';
import { lookup } from 'node:dns/promises';
import { validateHeaderValue } from 'node:http';

import { decided } from './components.js';

/** @import { Client, Purpose, Request, Response } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Rules } from './components.js' */

/** A request that may not be sent; the message is one line. */
export class Denied extends Error {}

/**
 * How a request may be sent.
 *
 * @typedef {object} Permit
 * @property {string} url the request's own in its normal form, as the policy has read it
 * @property {(address: string) => Promise<boolean>} reaches whether it may go to an IP address
 */

export class Egress {
  #rules;
  #policy;
  #resolve;
  /** @type {Promise<boolean> | undefined} */
  #issuerIsPrivate;

  /**
   * @param {Rules} rules
   * @param {Client} client
   * @param {object} [more]
   * @param {string[]} [more.pinned] the origins stored with the session
   * @param {string} [more.redirectUri] the one that a login waits at
   * @param {(name: string) => Promise<string[]>} [more.resolve] returns a host's addresses
   */
  constructor(rules, client, { pinned = [], redirectUri, resolve = addressesOf } = {}) {
    const named = [client.endpoints, client.assumedEndpoints];
    const { protocol } = client;
    this.#rules = rules;
    this.#resolve = resolve;
    this.#policy = new rules.Egress(
      {
        issuer: client.issuer,
        httpsIssuer: client.httpsIssuer,
        endpoints: named.flatMap(({ endSession, ...asked }) => given(Object.values(asked))),
        pages: given([
          ...named.map(({ endSession }) => endSession),
          protocol.tag === 'hexclave' ? protocol.val.appUrl : undefined,
        ]),
      },
      pinned,
      redirectUri,
    );
  }

  /**
   * Returns how a request may be sent; throws `Denied` if it may not.
   *
   * @param {Request} request
   * @returns {Permit}
   */
  permit({ url, headers, body }) {
    const bytes = (/** @type {string} */ text) => BigInt(Buffer.byteLength(text));
    const sizes = headers.map(({ name, value }) => ({ name, valueBytes: bytes(value) }));
    let permit;
    try {
      permit = this.#policy.permit({ url, headers: sizes, bodyBytes: BigInt(body?.length ?? 0) });
    } catch (reason) {
      throw typeof reason === 'string' ? new Denied(reason) : reason;
    }
    // The rules get no values: they may be secrets.
    for (const { name, value } of headers) checkValue(name, value);
    const isAny = permit.addresses === 'any';
    return {
      url: permit.url,
      reaches: async (address) => isAny || this.#rules.isPublic(address) || this.#isIssuerPrivate(),
    };
  }

  /**
   * Returns the URL as a browser may be given it. Fails with `egress-denied`.
   *
   * @param {string} url
   */
  page(url) {
    return decided(() => this.#policy.permitPage(url));
  }

  /** The rules' own resource. */
  get policy() {
    return this.#policy;
  }

  /**
   * Learns the origins that a response names. No other response is shown to the rules:
   * it may have tokens in it.
   *
   * @param {Purpose} purpose
   * @param {string} url
   * @param {Response} response
   */
  learn(purpose, url, { status, body }) {
    if (purpose !== 'metadata' && purpose !== 'device-authorization') return;
    if (!isUtf8(body)) return;
    const text = Buffer.from(body).toString();
    if (purpose === 'metadata') this.#policy.learnMetadata(url, status, text);
    else this.#policy.learnDeviceAuthorization(text);
  }

  /** What to store with the session. */
  pinnedOrigins() {
    return this.#policy.pinnedOrigins();
  }

  /** Resolves the issuer's name at most once in a session. */
  async #isIssuerPrivate() {
    const issuer = this.#policy.unresolvedIssuer();
    if (issuer !== undefined) {
      this.#issuerIsPrivate ??= this.#resolve(new URL(issuer).hostname).then((addresses) => {
        this.#policy.learnIssuerAddresses(addresses);
        return this.#policy.issuerIsPrivate();
      });
      return this.#issuerIsPrivate;
    }
    return this.#policy.issuerIsPrivate();
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
function checkValue(name, value) {
  try {
    validateHeaderValue(name, value);
  } catch {
    // Without the value, which Node's own error may quote.
    throw new Denied(`the request's header ${name} has no valid value`);
  }
}

/**
 * @param {(string | undefined)[]} urls
 * @returns {string[]}
 */
function given(urls) {
  return urls.filter((url) => url !== undefined);
}

/**
 * Returns none if the name is not known.
 *
 * @param {string} name
 */
async function addressesOf(name) {
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

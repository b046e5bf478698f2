// Where the requests of one session and the user's browser may go. The rules component decides;
// this host only resolves names.

import { isUtf8 } from 'node:buffer';
import { lookup } from 'node:dns/promises';
import { validateHeaderValue } from 'node:http';

import { judged } from './components.js';

/** @import { Client, Purpose, Request, Response } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Rules } from './components.js' */

/** @param {string} name */
const lookUp = (name) => lookup(name, { all: true });

/** The error of a request that may not be sent. Its message is one line. */
export class Denied extends Error {}

/**
 * How a request may be sent.
 *
 * @typedef {object} Permit
 * @property {string} url the request's URL in its normal form, as the policy read it
 * @property {(address: string) => Promise<boolean>} reaches returns whether the request may go to
 *   this IP address
 */

/** The egress policy of one session. */
export class Egress {
  #rules;
  #resolve;
  /** A name is resolved at most once. @type {Promise<void> | undefined} */
  #resolved;

  /**
   * @param {Rules} rules
   * @param {Client} client
   * @param {object} [more]
   * @param {string[]} [more.pinned] the origins stored with the session
   * @param {string} [more.redirectUri] the redirect URI of a login
   * @param {(name: string) => Promise<{ address: string }[]>} [more.resolve] looks up a name
   */
  constructor(rules, client, { pinned = [], redirectUri, resolve = lookUp } = {}) {
    const { issuer, resourceUrl: resource, httpsIssuer, protocol } = client;
    const given = [client.endpoints, client.assumedEndpoints];
    const isUrl = (/** @type {string | undefined} */ url) => url !== undefined;
    const endpoints = given.flatMap(({ endSession, ...rest }) => Object.values(rest)).filter(isUrl);
    const appUrl = protocol.tag === 'hexclave' ? protocol.val.appUrl : undefined;
    const pages = [...given.map(({ endSession }) => endSession), appUrl].filter(isUrl);
    this.#rules = rules;
    this.#resolve = resolve;
    const provider = { issuer, resource, httpsIssuer, endpoints, pages };
    /** The rules component's own resource. */
    this.policy = new rules.Egress(provider, pinned, redirectUri);
  }

  /**
   * Returns how a request may be sent. Throws `Denied` if it may not be sent.
   *
   * @param {Request} request
   * @returns {Permit}
   */
  permit({ url, headers, body }) {
    // The rules get no values of headers: they may be secrets.
    const sizes = headers.map(({ name, value }) => ({
      name,
      valueBytes: BigInt(Buffer.byteLength(value)),
    }));
    const outgoing = { url, headers: sizes, bodyBytes: BigInt(body?.length ?? 0) };
    const permit = judged(() => this.policy.permit(outgoing));
    if (permit.tag === 'err') throw new Denied(String(permit.val));
    for (const { name, value } of headers) {
      try {
        validateHeaderValue(name, value);
      } catch {
        throw new Denied(`the request's header ${name} has no valid value`);
      }
    }
    const isAny = permit.val.addresses === 'any';
    return {
      url: permit.val.url,
      reaches: async (address) => isAny || this.#rules.isPublic(address) || this.#isIssuerPrivate(),
    };
  }

  /**
   * Learns the origins that a response names. The rules get no other responses: those may contain
   * tokens.
   *
   * @param {Purpose} purpose
   * @param {string} url
   * @param {Response} response
   * @param {Uint8Array} [sent] the body of the request
   */
  learn(purpose, url, { status, body }, sent) {
    if (!isUtf8(body)) return;
    const text = () => Buffer.from(body).toString();
    if (purpose === 'resource-metadata') this.policy.learnResourceMetadata(url, status, text());
    if (purpose === 'metadata') this.policy.learnMetadata(url, status, text());
    if (purpose === 'device-authorization') this.policy.learnDeviceAuthorization(text());
    if (purpose === 'pushed-authorization') {
      this.policy.learnPushedAuthorization(Buffer.from(sent ?? []).toString(), text());
    }
  }

  /** Returns whether all addresses of the resource, or of the issuer without one, are private. */
  async #isIssuerPrivate() {
    const url = this.policy.unresolvedIssuer();
    if (url !== undefined) {
      // There are none if the name is not found.
      this.#resolved ??= this.#resolve(new URL(url).hostname)
        .catch(() => [])
        .then((found) => this.policy.learnIssuerAddresses(found.map(({ address }) => address)));
      await this.#resolved;
    }
    return this.policy.issuerIsPrivate();
  }
}

// Where requests may go, whatever the component asks for.
//
// - https only, or http on a loopback address;
// - the origins that the caller named (the issuer, endpoints given by hand), and
//   those that the issuer's own metadata names;
// - private addresses only where the caller named them, or if all of the issuer's
//   own addresses are private.
//
// The host reads the metadata with its own eyes: what the component makes of it
// changes nothing here. The policy itself waits for nothing: whether the issuer is
// private is looked up by the request that depends on it, within its time limit, and
// at most once in a session.

import { lookup } from 'node:dns/promises';

import { isLoopback, isPublic, literal } from './addresses.js';

/** @import { Client, Response } from '../component/interfaces/latchstring-login-flow.js' */

/** A request that may not be sent; the message is one line. */
export class Denied extends Error {}

/**
 * Whether a permitted request may go to a private address, told only when it comes
 * to one.
 *
 * @typedef {{ privateAddresses: () => Promise<boolean> }} Permit
 */

export class Egress {
  #issuer;
  #httpsIssuer;
  /** Origins that the caller named. */
  #named;
  /** Origins that the issuer's metadata named. */
  #pinned;
  #resolve;
  /** @type {Promise<boolean> | undefined} */
  #issuerIsPrivate;

  /**
   * @param {Client} client
   * @param {string[]} pinned the origins stored with the session
   * @param {(name: string) => Promise<string[]>} resolve a host's addresses
   */
  constructor(client, pinned, resolve = addressesOf) {
    const { endpoints, assumedEndpoints, issuer } = client;
    const named = [endpoints, assumedEndpoints].flatMap(
      // A browser goes there, and no request of this program.
      ({ endSession, ...asked }) => Object.values(asked),
    );
    this.#issuer = issuer;
    this.#httpsIssuer = client.httpsIssuer;
    this.#named = new Set([...named, issuer].map((url) => origin(parsed(url))));
    this.#pinned = new Set(pinned);
    this.#resolve = resolve;
  }

  /**
   * How a request to this address may be sent; throws `Denied` if it may not.
   *
   * @param {string} url
   * @returns {Permit}
   */
  permit(url) {
    const target = parsed(url);
    if (!target) throw new Denied('its address is no URL');
    const to = origin(target);
    if (!to) {
      const scheme = target.protocol.slice(0, -1);
      throw new Denied(`${scheme} is neither https nor http on a loopback address`);
    }
    if (this.#named.has(to)) return { privateAddresses: async () => true };
    if (!this.#pinned.has(to)) {
      throw new Denied(`${to} is neither the issuer's nor named by its metadata`);
    }
    return { privateAddresses: () => (this.#issuerIsPrivate ??= this.#lookUpIssuer()) };
  }

  /**
   * Pins what the issuer's metadata names, if that is what this response is.
   *
   * @param {string} url
   * @param {Response} response
   */
  learn(url, { status, body }) {
    const issuer = this.#issuer;
    if (issuer === undefined || status !== 200 || !isMetadataUrl(url, issuer)) return;
    const document = object(body);
    const isOwn = this.#httpsIssuer && document.issuer === issuer.replace('http:', 'https:');
    if (!isOwn && !mayBeNamed(issuer, document.issuer)) return;
    const loopback = isLoopback(new URL(issuer));
    for (const [name, value] of Object.entries(document)) {
      const endpoint = /_endpoint$|^jwks_uri$/.test(name) ? parsed(value) : undefined;
      const named = origin(endpoint);
      if (named && (loopback || endpoint?.protocol === 'https:')) this.#pinned.add(named);
    }
  }

  /** What to store with the session. */
  pinnedOrigins() {
    return [...this.#pinned].sort();
  }

  /**
   * Returns whether all of the issuer's addresses are private. One public address is enough
   * to make the issuer public: otherwise anyone who controls its DNS could add a private
   * address and reach services on this network.
   */
  async #lookUpIssuer() {
    const issuer = parsed(this.#issuer);
    if (!issuer) return false;
    const address = literal(issuer);
    const addresses = address === undefined ? await this.#resolve(issuer.hostname) : [address];
    return addresses.length > 0 && addresses.every((one) => !isPublic(one));
  }
}

/**
 * None where the name is not known.
 *
 * @param {string} name
 */
async function addressesOf(name) {
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

/** @param {unknown} url */
function parsed(url) {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
}

/**
 * Whether this host could have pinned it: an origin as it is compared.
 *
 * @param {unknown} text
 */
export function isOrigin(text) {
  return typeof text === 'string' && origin(parsed(text)) === text;
}

/**
 * Scheme, host and port; none where no request may go.
 *
 * @param {URL | undefined} url
 */
function origin(url) {
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url))) {
    return url.origin;
  }
  return undefined;
}

/**
 * Whether the metadata of `issuer` may call it `name`: exactly so (RFC 8414 §3.3), but
 * for one final slash of an issuer without a path, and for a tenant's id, or the
 * placeholder for it, in the place of an alias for many tenants.
 *
 * @param {string} issuer
 * @param {unknown} name
 */
export function mayBeNamed(issuer, name) {
  if (typeof name !== 'string') return false;
  if (issuer === name) return true;
  if (parsed(issuer)?.pathname === '/' && (`${issuer}/` === name || issuer === `${name}/`)) return true;
  const [own, found] = [issuer.split('/'), name.split('/')];
  if (own.length !== found.length) return false;
  const apart = own.map((part, at) => [part, found[at]]).filter(([one, other]) => one !== other);
  const [[alias = '', tenant = ''] = []] = apart;
  return apart.length === 1 && ALIASES.includes(alias) && TENANT.test(tenant);
}

/** What shared endpoints have in the place of a tenant. */
const ALIASES = ['common', 'organizations', 'consumers'];

const TENANT = /^(\{tenantid\}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/**
 * The two places where an issuer's metadata may lie (OpenID Connect Discovery §4.1,
 * RFC 8414 §3.1).
 *
 * @param {string} url
 * @param {string} issuer
 */
function isMetadataUrl(url, issuer) {
  const oauth = parsed(issuer);
  if (!oauth) return false;
  oauth.pathname = `/.well-known/oauth-authorization-server${oauth.pathname.replace(/\/+$/, '')}`;
  const openid = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  return url === openid || url === oauth.href;
}

/**
 * @param {Uint8Array} body
 * @returns {Record<string, any>}
 */
function object(body) {
  try {
    return Object(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return {};
  }
}

// Binding a login to the browser that began it (RFC 9700 §2.1.1).
//
// Another user of this machine can read a browser's command line, and finish the
// login that stands there as themselves: state, nonce and PKCE would all match, and
// this person would act as the other. So the browser is sent to a local address
// first, which works once and gives it a cookie. Only who brings the cookie back has
// come from there.
//
//     opened   http://127.0.0.1:PORT/latchstring/start?ticket=...   works once
//     printed  http://127.0.0.1:PORT/latchstring/start?ticket=...   nobody else sees it
//     both     -> cookie, on to the provider -> callback with the cookie

import { START_PATH } from './listener.js';
import { forward } from './pages.js';

/** @import { Page } from './pages.js' */

/**
 * What a visit to the listener is:
 *
 * - `redirect`: from a browser that began here
 * - `on`: the beginning of a login, on to the provider
 * - `another-browser`: an answer from one that did not begin here
 * - `used-address`: a local address that does not work, or does not work any more
 * - `taken`: the opened address came a second time, from another browser: neither is
 *   believed any more
 *
 * @typedef {{ is: 'redirect' | 'another-browser' | 'used-address' | 'taken' } | { is: 'on', page: Page }} Passage
 */

/** A login's one-time addresses, and the cookies it has given out. */
export class Binding {
  #origin;
  #authorizationUrl;
  #entropy;
  /** Its own for every login: cookies do not tell ports apart. */
  #cookieName;
  #opened;
  #printed;
  /**
   * The cookie of the browser that used the opened address.
   *
   * @type {string | undefined}
   */
  #openedBy;
  /**
   * Cookies that a callback may bring.
   *
   * @type {Set<string>}
   */
  #accepted = new Set();

  /**
   * @param {string} redirectUri
   * @param {string} authorizationUrl
   * @param {() => Uint8Array} entropy
   */
  constructor(redirectUri, authorizationUrl, entropy) {
    this.#origin = new URL(redirectUri).origin;
    this.#authorizationUrl = authorizationUrl;
    this.#entropy = entropy;
    this.#cookieName = `latchstring-${this.#secret().slice(0, 16)}`;
    this.#opened = this.#secret();
    this.#printed = this.#secret();
  }

  /** For the browser's command line. */
  get openedAddress() {
    return this.#address(this.#opened);
  }

  /** For the person's eyes: opens in any browser of this machine, as often as they like. */
  get printedAddress() {
    return this.#address(this.#printed);
  }

  /** The `Set-Cookie` header that takes the cookie back. */
  get goodbye() {
    return `${this.#cookieName}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`;
  }

  /**
   * The login goes on at another address of the provider's, in the same browser.
   *
   * @param {string} authorizationUrl
   */
  goOnTo(authorizationUrl) {
    this.#authorizationUrl = authorizationUrl;
  }

  /** Gives the opened address another ticket. */
  renew() {
    this.#opened = this.#secret();
    this.#openedBy = undefined;
  }

  /**
   * What to make of a visit to `target` with this `Cookie` header.
   *
   * @param {string} target
   * @param {string} cookies
   * @returns {Passage}
   */
  judge(target, cookies) {
    const brought = this.#cookie(cookies);
    const known = brought !== undefined && this.#accepted.has(brought) ? brought : undefined;
    if (!isStart(target)) return { is: known ? 'redirect' : 'another-browser' };
    const ticket = target.slice(START_PATH.length);
    if (ticket === `?ticket=${this.#printed}`) return this.#forward(known ?? this.#secret());
    if (ticket !== `?ticket=${this.#opened}`) return { is: 'used-address' };
    if (this.#openedBy === undefined) {
      this.#openedBy = this.#secret();
      return this.#forward(this.#openedBy);
    }
    // The same browser again: it was reloaded.
    if (brought === this.#openedBy) return this.#forward(brought);
    this.#accepted.delete(this.#openedBy);
    // Nor does whoever came first get another cookie for it.
    this.renew();
    return { is: 'taken' };
  }

  /**
   * On to the provider, with a cookie that the callback is known by.
   *
   * @param {string} cookie
   * @returns {Passage}
   */
  #forward(cookie) {
    this.#accepted.add(cookie);
    // Lax: it comes back when the provider's page sends the browser here.
    const header = `${this.#cookieName}=${cookie}; Path=/; HttpOnly; SameSite=Lax`;
    return { is: 'on', page: forward(this.#authorizationUrl, header) };
  }

  #secret() {
    return Buffer.from(this.#entropy()).toString('base64url');
  }

  /** @param {string} cookies */
  #cookie(cookies) {
    const pair = cookies.split(';').find((one) => one.trim().startsWith(`${this.#cookieName}=`));
    return pair?.trim().slice(this.#cookieName.length + 1);
  }

  /** @param {string} ticket */
  #address(ticket) {
    return `${this.#origin}${START_PATH}?ticket=${ticket}`;
  }
}

/**
 * Whether a request is for the start address.
 *
 * @param {string} target path and query
 */
export function isStart(target) {
  return target.split('?', 1)[0] === START_PATH;
}

// Requests on a session's behalf: no redirect is followed, no cookie kept, nothing
// decoded.
//
// Node's own client, and not `fetch`: it takes a look-up, so that a connection goes
// to the very address that was checked, and it tells whether a request that failed
// was ever sent.

import { lookup } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { isIPv4 } from 'node:net';

import { Denied } from './egress.js';
import { printable, reason } from './error.js';

/** @import { Permit } from './egress.js' */
/** @import { Header, NoResponse, Request, Response, Result } from '../component/interfaces/latchstring-login-flow.js' */

/**
 * Sends one request that the egress policy has approved, and returns the response, or
 * the reason why there is none. Follows no redirect, keeps no cookie, goes to no address
 * that the permit does not reach, and gives up after `timeoutMs` if that is sooner than
 * ten seconds.
 *
 * @typedef {(request: Request, permit: Permit, timeoutMs?: number) => Promise<Result<Response, NoResponse>>} Send
 */

/** For one request, name look-up to last byte. */
const PATIENCE_MS = 10_000;

/** Bytes. No honest answer in these protocols comes near it. */
const LONGEST_BODY = 1 << 20;

class TooLarge extends Error {}

/** @type {Send} */
export async function send(request, permit, timeoutMs = PATIENCE_MS) {
  const url = new URL(request.url);
  const connection = { sent: false };
  const limitMs = Math.min(timeoutMs, PATIENCE_MS);
  const signal = AbortSignal.timeout(limitMs);
  try {
    const address = literal(url);
    if (address !== undefined && !(await within(signal, permit.reaches(address)))) {
      throw new Denied(`${address} is not a public address`);
    }
    const options = {
      method: request.method.toUpperCase(),
      headers: outgoing(request.headers),
      // A connection of its own for each: a kept one may break under a request that
      // must not be sent twice.
      agent: false,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      lookup: permittedLookup(permit),
      signal,
    };
    const response = await answer(url, options, request.body, connection);
    const { statusCode: status = 0, rawHeaders } = response;
    return {
      tag: 'ok',
      val: { status, headers: received(rawHeaders), body: await whole(response) },
    };
  } catch (error) {
    if (error instanceof Denied) return none({ tag: 'denied', val: error.message });
    if (error instanceof TooLarge) return none({ tag: 'too-large', val: BigInt(LONGEST_BODY) });
    const port = url.port || (url.protocol === 'https:' ? 443 : 80);
    const why = signal.aborted
      ? `timed out after ${limitMs / 1000} s`
      : printable(explained(error));
    const words = `cannot reach ${url.hostname}:${port}: ${why}`;
    return none({ tag: 'unreachable', val: { reason: words, sent: connection.sent } });
  }
}

/**
 * @param {NoResponse} val
 * @returns {{ tag: 'err', val: NoResponse }}
 */
function none(val) {
  return { tag: 'err', val };
}

/**
 * @param {URL} url
 * @param {https.RequestOptions} options
 * @param {Uint8Array | undefined} body
 * @param {{ sent: boolean }} connection told when it stands
 * @returns {Promise<http.IncomingMessage>}
 */
function answer(url, options, body, connection) {
  const secure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request(url, options, resolve);
    request.on('error', reject);
    request.on('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connection.sent = true;
      });
    });
    request.end(body);
  });
}

/** @param {http.IncomingMessage} response */
async function whole(response) {
  const chunks = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new TooLarge();
    chunks.push(chunk);
  }
  // Not the shared buffer that small ones are cut from.
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * Returns the host of a URL if it is written as an address.
 *
 * @param {URL} url
 */
function literal({ hostname }) {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return isIPv4(hostname) ? hostname : undefined;
}

/**
 * Resolves a name with the system's resolver. Every address must be one that the permit
 * reaches. The request's time limit ends both look-ups.
 *
 * @param {Permit} permit
 * @returns {import('node:net').LookupFunction}
 */
export function permittedLookup(permit) {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, async (error, found) => {
      if (error) return callback(error, '');
      for (const { address } of found) {
        if (await permit.reaches(address)) continue;
        const words = `${printable(name)} leads to ${address}, which is not a public address`;
        return callback(new Denied(words), '');
      }
      if (options.all) return callback(null, found);
      return callback(null, found[0].address, found[0].family);
    });
  };
}

/**
 * The same promise, rejected when the time is up.
 *
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function within(signal, promise) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject);
  });
}

/** @param {Header[]} headers */
function outgoing(headers) {
  /** @type {Map<string, string[]>} */
  const grouped = new Map([['user-agent', ['latchstring-node/0.1.0']]]);
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    grouped.set(key, [...(grouped.get(key) ?? []), value]);
  }
  return Object.fromEntries(
    [...grouped].map(([name, values]) => [name, values.length > 1 ? values : values[0]]),
  );
}

/** @param {string[]} raw names and values in turn */
function received(raw) {
  /** @type {Header[]} */
  const headers = [];
  for (let at = 0; at < raw.length; at += 2) {
    headers.push({ name: raw[at].toLowerCase(), value: raw[at + 1] });
  }
  return headers;
}

/** @type {Record<string, string>} */
const WORDS = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'name not found',
  ETIMEDOUT: 'the connection timed out',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is not trusted: this system does not know its issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is not trusted: this system does not know its issuer',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: this system does not know its issuer',
  CERT_HAS_EXPIRED: 'its certificate is not trusted: it has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is not trusted: it is for another name',
};

/** @param {unknown} error */
function explained(error) {
  // Several addresses were tried (happy eyeballs); the first tells enough.
  const [first] = /** @type {AggregateError} */ (error).errors ?? [error];
  const code = reason(first);
  return WORDS[code] ?? code;
}

// The HTTP client for the requests of a session.
//
// `node:http` and not `fetch`: it takes a look-up function, so that it connects to an address
// that was checked, and it says whether a failed request was sent.

import { lookup } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { isIPv4 } from 'node:net';

import { Denied } from './egress.js';
import { printable, reason } from './error.js';

/** @import { Header, NoResponse, Request, Response, Result } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Permit } from './egress.js' */

/**
 * Sends one request that the egress policy permits, and returns the response, or the reason why
 * there is none. Follows no redirect, keeps no cookie, undoes no content coding, and connects only
 * to addresses that the permit allows. Gives up after `timeoutMs` if that is less than ten
 * seconds, otherwise after ten seconds.
 *
 * @typedef {(request: Request, permit: Permit, timeoutMs?: number) => Promise<Result<Response, NoResponse>>} Send
 */

/** Time limit for one request, from the DNS query to the last byte. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Largest response body, in bytes. No honest response comes near it. */
const RESPONSE_BYTES = 1 << 20;

class TooLarge extends Error {}

/** @type {Send} */
export async function send(request, permit, timeoutMs = REQUEST_TIMEOUT_MS) {
  const url = new URL(request.url);
  const connection = { sent: false };
  const limitMs = Math.min(timeoutMs, REQUEST_TIMEOUT_MS);
  const signal = AbortSignal.timeout(limitMs);
  try {
    const address = literal(url);
    if (address !== undefined && !(await within(signal, permit.reaches(address)))) {
      throw new Denied(`${address} is not a public address`);
    }
    const response = await responseTo(request, url, permit, signal, connection);
    const { statusCode: status = 0, rawHeaders } = response;
    return {
      tag: 'ok',
      val: { status, headers: headerList(rawHeaders), body: await body(response) },
    };
  } catch (error) {
    /** @param {NoResponse} val @returns {{ tag: 'err', val: NoResponse }} */
    const none = (val) => ({ tag: 'err', val });
    if (error instanceof Denied) return none({ tag: 'denied', val: error.message });
    if (error instanceof TooLarge) return none({ tag: 'too-large', val: BigInt(RESPONSE_BYTES) });
    const port = url.port || (url.protocol === 'https:' ? 443 : 80);
    const why = signal.aborted ? `timed out after ${limitMs / 1000} s` : printable(words(error));
    const text = `cannot reach ${url.hostname}:${port}: ${why}`;
    return none({ tag: 'unreachable', val: { reason: text, sent: connection.sent } });
  }
}

/**
 * Sends the request. Returns the response with its headers, before its body has arrived.
 *
 * @param {Request} request
 * @param {URL} url
 * @param {Permit} permit
 * @param {AbortSignal} signal
 * @param {{ sent: boolean }} connection `sent` is set once the request may have been sent
 * @returns {Promise<http.IncomingMessage>}
 */
function responseTo({ method, headers, body }, url, permit, signal, connection) {
  const isSecure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).request(url, {
      method: method.toUpperCase(),
      // A connection for this request only: a kept one may break under a request that must not
      // be sent twice.
      agent: false,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      lookup: permittedLookup(permit),
      signal,
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.on('socket', (socket) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        connection.sent = true;
      });
    });
    request.setHeader('user-agent', 'latchstring-node/0.1.0');
    for (const { name, value } of headers) request.appendHeader(name, value);
    request.end(body);
  });
}

/** @param {http.IncomingMessage} response */
async function body(response) {
  const chunks = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > RESPONSE_BYTES) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Returns the host of a URL if it is an IP address. Node does not look it up.
 *
 * @param {URL} url
 */
function literal({ hostname }) {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return isIPv4(hostname) ? hostname : undefined;
}

/**
 * Returns a look-up function that uses the system's resolver, and fails if the permit does not
 * allow every address of the name.
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
        const text = `${printable(name)} leads to ${address}, which is not a public address`;
        return callback(new Denied(text), '');
      }
      if (options.all) return callback(null, found);
      return callback(null, found[0].address, found[0].family);
    });
  };
}

/**
 * Returns the same promise, which is rejected if the signal is aborted first.
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

/**
 * Returns the headers of a message as the components take them.
 *
 * @param {string[]} rawHeaders names and values in turn
 * @returns {Header[]}
 */
export function headerList(rawHeaders) {
  const headers = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.push({ name: rawHeaders[at], value: rawHeaders[at + 1] });
  }
  return headers;
}

const UNKNOWN_ISSUER = 'its certificate is not trusted: this system does not know its issuer';

/** Errors in plain words, by code. @type {Record<string, string>} */
const WORDS = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'name not found',
  ETIMEDOUT: 'the connection timed out',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  CERT_HAS_EXPIRED: 'its certificate is not trusted: it has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is not trusted: it is for another name',
};

/** @param {unknown} error */
function words(error) {
  // If several addresses were tried, the first error is enough.
  const [first] = /** @type {AggregateError} */ (error).errors ?? [error];
  const code = reason(first);
  return WORDS[code] ?? code;
}

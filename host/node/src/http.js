// The HTTP client for the requests of a session.
//
// `node:http` and not `fetch`: it takes a look-up function, so that it connects to an address
// that was checked, and it says whether a failed request was sent.

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';

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

/** @type {Send} */
export async function send({ method, url, headers, body }, permit, timeoutMs = Infinity) {
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === 'https:';
  const limitMs = Math.min(timeoutMs, REQUEST_TIMEOUT_MS);
  const signal = AbortSignal.timeout(limitMs);
  let sent = false;
  /** @param {NoResponse} val @returns {{ tag: 'err', val: NoResponse }} */
  const none = (val) => ({ tag: 'err', val });
  try {
    const late = once(signal, 'abort').then(() => Promise.reject(signal.reason));
    const addresses = await Promise.race([late, permittedAddresses(hostname, permit)]);
    const request = (isSecure ? https : http).request(url, {
      method: method.toUpperCase(),
      // A connection for this request only: a kept one may break under a request that must not
      // be sent twice.
      agent: false,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      lookup: (_name, { all }, found) =>
        all ? found(null, addresses) : found(null, addresses[0].address, addresses[0].family),
      signal,
    });
    request.setHeader('user-agent', 'latchstring-node/0.1.0');
    for (const { name, value } of headers) request.appendHeader(name, value);
    request.once('socket', (socket) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        sent = true;
      });
    });
    /** @type {http.IncomingMessage} */
    const response = await new Promise((resolve, reject) => {
      request.on('response', resolve).on('error', reject).end(body);
    });
    const { statusCode: status = 0, rawHeaders } = response;
    const chunks = [];
    let length = 0;
    for await (const chunk of response) {
      length += chunk.length;
      if (length > RESPONSE_BYTES) return none({ tag: 'too-large', val: BigInt(RESPONSE_BYTES) });
      chunks.push(chunk);
    }
    const val = { status, headers: headerList(rawHeaders), body: Buffer.concat(chunks) };
    return { tag: 'ok', val };
  } catch (error) {
    if (error instanceof Denied) return none({ tag: 'denied', val: error.message });
    const why = signal.aborted ? `timed out after ${limitMs / 1000} s` : printable(words(error));
    const text = `cannot reach ${hostname}:${port || (isSecure ? 443 : 80)}: ${why}`;
    return none({ tag: 'unreachable', val: { reason: text, sent } });
  }
}

/**
 * Returns the addresses of a URL's host from the system's resolver. Fails with `Denied` if the
 * request may not go to one of them.
 *
 * @param {string} hostname
 * @param {Permit} permit
 */
async function permittedAddresses(hostname, permit) {
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await lookup(name, { all: true });
  for (const { address } of found) {
    if (await permit.reaches(address)) continue;
    const what = address === name ? address : `${printable(name)} leads to ${address}, which`;
    throw new Denied(`${what} is not a public address`);
  }
  return found;
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

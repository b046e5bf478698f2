// The loopback listener that the browser comes back to (RFC 8252 §7.3).

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

import { decided } from './components.js';
import { LatchError, reason } from './error.js';
import { end, Peers } from './peers.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Server, Socket } from 'node:net' */
/** @import { Listener as Requests, Page, Refusal } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Rules } from './components.js' */
/** @import { Ends, Peer } from './peers.js' */

const MOST_CONNECTIONS = 64;
/** Accepted connections that wait for room; as many as the native program lets wait. */
const LONGEST_QUEUE = 4096;
/** From the connection on, whether or not a byte has come. */
const REQUEST_PATIENCE_MS = 5_000;
/** Bytes of the request line and headers. */
const LONGEST_REQUEST = 16 * 1024;
/** How long a browser waits for its page while codes are exchanged and saved. */
const PAGE_PATIENCE_MS = 120_000;
/** How long a page may take to be written. */
const WRITING_MS = 2_000;
/** How often a port that the system chose may turn out to be taken in the other address family. */
const EPHEMERAL_ATTEMPTS = 16;

/** @type {Record<Redirect['host'], 'ipv4' | 'ipv6' | 'localhost'>} */
const REDIRECT_HOSTS = { '127.0.0.1': 'ipv4', '[::1]': 'ipv6', localhost: 'localhost' };

/**
 * Where a provider lets the browser come back to.
 *
 * @typedef {object} Redirect
 * @property {'127.0.0.1' | '[::1]' | 'localhost'} host `localhost` listens on both families
 * @property {number[]} ports tried in order; empty for a port that the system chooses
 * @property {string} path begins with a slash
 */

/**
 * A browser that waits for its page.
 *
 * @typedef {object} Visit
 * @property {string} target path and query as sent
 * @property {string} cookies
 * @property {(page: Page) => Promise<void>} answer resolves once the page is written
 * @property {Peer} [peer] whose browser it is; `unknown` unless set
 * @property {Promise<void>} [gone] resolves when the connection closes; undefined if the
 * browser cannot send another request on it
 */

/**
 * Receives browsers that come back. If `tellsPeers` is false or missing, the login's
 * address is kept off command lines.
 *
 * @typedef {Pick<Listener, 'redirectUri' | 'arrival' | 'take' | 'close'> & { tellsPeers?: boolean }} Listening
 */

/**
 * Binds the first free port that `redirect` allows.
 *
 * @param {Rules} rules
 * @param {Redirect} redirect
 */
export async function listen(rules, { host, ports, path }) {
  decided(() => rules.checkRedirectPath(path));
  const failures = [];
  for (const port of ports.length > 0 ? ports : [0]) {
    try {
      const servers = await bound(host, port);
      return new Listener(rules, servers, host, path);
    } catch (error) {
      const name = port === 0 ? 'any port' : `port ${port}`;
      failures.push(
        reason(error) === 'EADDRINUSE' ? `${name} is in use` : `${name} failed (${reason(error)})`,
      );
    }
  }
  throw new LatchError(
    'port-in-use',
    `no port could be bound on ${host}: ${failures.join(', ')}`,
    'end the program that listens there, or allow another port that the provider accepts',
  );
}

/**
 * A server, or one for each family.
 *
 * @param {Redirect['host']} host
 * @param {number} port
 */
async function bound(host, port) {
  if (host === '127.0.0.1') return [await serverAt('127.0.0.1', port)];
  if (host === '[::1]') return [await serverAt('::1', port)];
  for (let attempt = 1; ; attempt += 1) {
    const v4 = await serverAt('127.0.0.1', port);
    try {
      // Whoever held the other family would get the login's answer.
      return [v4, await serverAt('::1', portOf(v4))];
    } catch (error) {
      // A machine without IPv6 needs none.
      if (['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(reason(error))) return [v4];
      v4.close();
      if (port !== 0 || attempt === EPHEMERAL_ATTEMPTS) throw error;
    }
  }
}

/**
 * @param {string} host
 * @param {number} port
 */
async function serverAt(host, port) {
  const server = createServer({ pauseOnConnect: true });
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return server;
}

/** @param {Server} server */
function portOf(server) {
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}

/** Passes on what could be the redirect, and answers and forgets everything else. */
export class Listener {
  #rules;
  #servers;
  #http;
  #peers;
  /** @type {Requests} */
  #requests;
  /** @type {Visit[]} */
  #visits = [];
  #knock = () => {};
  /** Connections, oldest first. @type {Set<Socket>} */
  #sockets = new Set();
  /** Connections for which there is no room yet, oldest first. @type {Socket[]} */
  #outside = [];
  /** Those whose request is a visit that waits for its page. @type {Set<Socket>} */
  #visiting = new Set();

  /**
   * @param {Rules} rules
   * @param {Server[]} servers
   * @param {Redirect['host']} host
   * @param {string} path
   */
  constructor(rules, servers, host, path) {
    const port = portOf(servers[0]);
    this.#rules = rules;
    this.#servers = servers;
    this.#requests = decided(() => rules.Listener.bind(REDIRECT_HOSTS[host], port, path));
    this.redirectUri = `http://${host}:${port}${path}`;
    const { address } = /** @type {import('node:net').AddressInfo} */ (servers[0].address());
    this.#peers = new Peers(end(address, port));
    // It is handed connections, and listens nowhere itself: then those that there is no
    // room for can wait.
    this.#http = createHttpServer({
      maxHeaderSize: LONGEST_REQUEST,
      // A request without one is answered like one for another host.
      requireHostHeader: false,
    });
    this.#http.on('request', (request, response) => this.#respond(request, response));
    // What is no HTTP deserves no answer.
    this.#http.on('clientError', (_, socket) => socket.destroy());
    for (const server of servers) {
      server.on('connection', (socket) => {
        if (this.#outside.length >= LONGEST_QUEUE) {
          socket.destroy();
          return;
        }
        this.#outside.push(socket);
        this.#admit();
      });
    }
  }

  /** Whether another user's connection can be told from this user's. */
  get tellsPeers() {
    return this.#peers.tells;
  }

  /** Comes when a visit is there to be taken. Loses none where nobody takes it. */
  async arrival() {
    if (this.#visits.length > 0) return;
    await new Promise((resolve) => {
      this.#knock = () => resolve(undefined);
    });
  }

  /** The oldest visit; none where nobody waits. */
  take() {
    return this.#visits.shift();
  }

  /** Frees the port at once. Visitors who still wait are told that nobody answers. */
  async close() {
    for (const server of this.#servers) server.close();
    for (const socket of this.#outside.splice(0)) socket.destroy();
    for (const socket of this.#sockets) {
      if (!this.#visiting.has(socket)) socket.destroy();
      // A program may end: what was written reaches the browser.
      else socket.unref();
    }
    const abandoned = this.#rules.abandoned();
    await Promise.all(this.#visits.splice(0).map((visit) => visit.answer(abandoned)));
  }

  /**
   * Lets connections in. If there is no room, the oldest that waits for no page is
   * closed: refusing the newest would let a flood of silent connections keep the browser
   * out. If all wait for a page, the newest waits outside: any of them may be the browser.
   */
  #admit() {
    while (this.#outside.length > 0) {
      if (this.#sockets.size >= MOST_CONNECTIONS) {
        const idle = [...this.#sockets].find((one) => !this.#visiting.has(one));
        if (!idle) return;
        this.#sockets.delete(idle);
        idle.destroy();
      }
      const socket = /** @type {Socket} */ (this.#outside.shift());
      if (!socket.destroyed) this.#enter(socket);
    }
  }

  /** @param {Socket} socket */
  #enter(socket) {
    this.#sockets.add(socket);
    const silent = setTimeout(() => {
      if (!this.#visiting.has(socket)) socket.destroy();
    }, REQUEST_PATIENCE_MS).unref();
    socket.once('close', () => {
      clearTimeout(silent);
      this.#sockets.delete(socket);
      this.#visiting.delete(socket);
      this.#admit();
    });
    this.#http.emit('connection', socket);
    socket.resume();
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #respond(request, response) {
    const refused = this.#refusal(request);
    if (refused) {
      const { status, policy, text } = refused;
      if (status === 405) response.setHeader('allow', 'GET');
      response.writeHead(status, protectedHeaders('text/plain; charset=utf-8', policy)).end(text);
      return;
    }
    const { socket } = request;
    // Asked now: the connection is open, and few requests come this far.
    const peer = this.#peers.peer({
      ours: end(socket.localAddress, socket.localPort),
      theirs: end(socket.remoteAddress, socket.remotePort),
    });
    // Nobody is there to read an answer.
    if (!peer) {
      socket.destroy();
      return;
    }
    this.#visiting.add(socket);
    const gone = response.shouldKeepAlive
      ? new Promise((resolve) => {
          socket.once('close', () => resolve(undefined));
        })
      : undefined;
    const answer = (/** @type {Page} */ page) => {
      clearTimeout(late);
      return written(
        response,
        page,
        gone !== undefined && page.location === this.#rules.endAddress(),
      );
    };
    const late = setTimeout(() => answer(this.#rules.abandoned()), PAGE_PATIENCE_MS).unref();
    const cookies = (request.headersDistinct.cookie ?? []).join('; ');
    this.#visits.push({ target: request.url ?? '', cookies, answer, peer, gone });
    this.#knock();
  }

  /**
   * Why a request does not count, as the response to it.
   *
   * @param {IncomingMessage} request
   * @returns {Refusal | undefined}
   */
  #refusal({ method = '', url = '', rawHeaders }) {
    const headers = [];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.push({ name: rawHeaders[at], value: rawHeaders[at + 1] });
    }
    try {
      this.#requests.judge(method, url, headers);
      return undefined;
    } catch (refusal) {
      return /** @type {Refusal} */ (refusal);
    }
  }
}

/**
 * The connection stays open only for a browser that is sent to the last page of its
 * login: it asks for that at once, and if it closes the connection instead, the login
 * knows that it does not come.
 *
 * @param {ServerResponse} response
 * @param {Page} page
 * @param {boolean} staysOpen
 */
async function written(response, { status, html, policy, location, cookie }, staysOpen) {
  if (response.destroyed || response.writableEnded) return;
  response.writeHead(status, {
    ...protectedHeaders('text/html; charset=utf-8', policy),
    'content-length': Buffer.byteLength(html),
    ...(staysOpen && { connection: 'keep-alive' }),
    ...(location !== undefined && { location }),
    ...(cookie !== undefined && { 'set-cookie': cookie }),
  });
  const closed = once(response, 'close', { signal: AbortSignal.timeout(WRITING_MS) });
  response.end(html);
  // A browser that went away, or does not read, needs no page.
  await closed.catch(() => {});
}

/**
 * A response that runs no script, loads nothing, is framed, kept and sniffed by
 * nobody, and tells no other site about its address (RFC 9700 §4.2.4).
 *
 * @param {string} type
 * @param {string} policy
 */
function protectedHeaders(type, policy) {
  return {
    'content-security-policy': policy,
    'content-type': type,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    connection: 'close',
  };
}

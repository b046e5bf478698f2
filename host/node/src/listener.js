// The loopback listener that the browser is redirected to (RFC 8252 §7.3).

import { once } from 'node:events';
import * as http from 'node:http';
import { createServer } from 'node:net';

import { decided, judged } from './components.js';
import { LatchError, reason } from './error.js';
import { headerList } from './http.js';
import { Peers } from './peers.js';

/** @import { AddressInfo, Server, Socket } from 'node:net' */
/** @import { Page, Peer, Refusal } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Rules } from './components.js' */

const MOST_CONNECTIONS = 64;
/** Most accepted connections, with those that wait for room, as many as the native program has. */
const LONGEST_QUEUE = 4096;
/** Time limit for a request, from the start of the connection. */
const REQUEST_PATIENCE_MS = 5_000;
/** Longest request line and headers, in bytes. */
const LONGEST_REQUEST = 16 * 1024;
/** How long a browser waits for its page while the code is exchanged and the session saved. */
const PAGE_PATIENCE_MS = 120_000;
/** Time limit for writing a page. */
const WRITING_MS = 2_000;
/** Attempts to find a port that is free in both address families. */
const EPHEMERAL_ATTEMPTS = 16;

/** The name of each host in the contract, and its addresses. */
const HOSTS = /** @type {const} */ ({
  '127.0.0.1': { name: 'ipv4', addresses: ['127.0.0.1'] },
  '[::1]': { name: 'ipv6', addresses: ['::1'] },
  localhost: { name: 'localhost', addresses: ['127.0.0.1', '::1'] },
});

/**
 * The redirect URIs that the provider accepts.
 *
 * @typedef {object} Redirect
 * @property {'127.0.0.1' | '[::1]' | 'localhost'} host `localhost` listens in both address
 *   families
 * @property {number[]} ports tried in order; if empty, the system chooses a port
 * @property {string} path begins with a slash
 */

/**
 * A request that waits for its page.
 *
 * @typedef {object} Visit
 * @property {string} target path and query as sent
 * @property {string} cookies the `Cookie` headers
 * @property {(page: Page) => Promise<void>} answer resolves once the page is written
 * @property {Peer} [peer] the user whose browser it is; `unknown` if unset
 * @property {Promise<void>} [gone] resolves when the connection is closed; undefined if the
 *   browser cannot send another request on it
 */

/**
 * Receives the browser that comes back. If `tellsPeers` is false or unset, the addresses of the
 * login are kept off command lines.
 *
 * @typedef {Pick<Listener, 'redirectUri' | 'arrival' | 'take' | 'close'> & { tellsPeers?: boolean }} Listening
 */

/**
 * Listens on the first free port of `redirect`.
 *
 * @param {Rules} rules
 * @param {Redirect} redirect
 */
export async function listen(rules, { host, ports, path }) {
  decided(() => rules.checkRedirectPath(path));
  /** @type {Set<string>} */
  const failures = new Set();
  // A port that the system chooses may be taken in the other address family.
  for (const port of ports.length > 0 ? ports : Array(EPHEMERAL_ATTEMPTS).fill(0)) {
    try {
      return new Listener(rules, await bound(HOSTS[host].addresses, port), host, path);
    } catch (error) {
      if (error instanceof LatchError) throw error;
      const name = port === 0 ? 'any port' : `port ${port}`;
      const isTaken = reason(error) === 'EADDRINUSE';
      failures.add(isTaken ? `${name} is in use` : `${name} failed (${reason(error)})`);
    }
  }
  throw new LatchError(
    'port-in-use',
    `no port could be bound on ${host}: ${[...failures].join(', ')}`,
    'stop the program that uses the port, or allow another port that the provider accepts',
  );
}

/**
 * Returns a server for each address that the machine has, all on one port: a program that had it
 * in the other address family would get the authorization code.
 *
 * @param {readonly string[]} addresses
 * @param {number} port
 */
async function bound(addresses, port) {
  /** @type {Server[]} */
  const servers = [];
  for (const host of addresses) {
    const server = createServer({ pauseOnConnect: true });
    server.maxConnections = LONGEST_QUEUE;
    server.listen({ host, port, exclusive: true });
    try {
      await once(server, 'listening');
      ({ port } = /** @type {AddressInfo} */ (server.address()));
      servers.push(server);
    } catch (error) {
      const isMissing = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(reason(error));
      if (isMissing && (servers.length > 0 || host !== addresses.at(-1))) continue;
      for (const one of servers) one.close();
      throw error;
    }
  }
  return servers;
}

/** Passes on requests that could be the redirect, and answers all others. */
export class Listener {
  #abandoned;
  #endAddress;
  #servers;
  #http;
  #peers;
  #judge;
  /** Requests that were not taken yet, oldest first. @type {Visit[]} */
  #visits = [];
  #arrived = () => {};
  /** The error of the rules component if it has stopped. @type {unknown} */
  #failure;
  /** Connections, oldest first, and whether their request waits. @type {Map<Socket, boolean>} */
  #sockets = new Map();
  /** Accepted connections that wait for room, oldest first. @type {Socket[]} */
  #queue = [];

  /**
   * @param {Rules} rules
   * @param {Server[]} servers
   * @param {Redirect['host']} host
   * @param {string} path
   */
  constructor(rules, servers, host, path) {
    const { address, port } = /** @type {AddressInfo} */ (servers[0].address());
    this.#abandoned = rules.abandoned();
    this.#endAddress = rules.endAddress();
    this.#servers = servers;
    this.#judge = decided(() => rules.Listener.bind(HOSTS[host].name, port, path));
    this.redirectUri = `http://${host}:${port}${path}`;
    this.#peers = new Peers(address, port);
    // Does not listen itself, so that connections can wait until there is room for them. The rules
    // refuse a request without `Host`, as they refuse one for another host.
    const options = { maxHeaderSize: LONGEST_REQUEST, requireHostHeader: false };
    this.#http = http.createServer(options, (request, response) => {
      try {
        this.#respond(request, response);
      } catch (error) {
        request.socket.destroy();
        this.#failure = error;
        this.#arrived();
      }
    });
    // A client that does not speak HTTP gets no answer.
    this.#http.on('clientError', (_, socket) => socket.destroy());
    for (const server of servers) {
      server.on('connection', (socket) => {
        this.#queue.push(socket);
        this.#admit();
      });
    }
  }

  /** Whether another user's connection can be told from this user's. */
  get tellsPeers() {
    return this.#peers.tells;
  }

  /** Waits until there is something to take. */
  async arrival() {
    if (this.#visits.length > 0 || this.#failure) return;
    await new Promise((resolve) => {
      this.#arrived = () => resolve(undefined);
    });
  }

  /**
   * Returns the oldest request, or `undefined` if there is none. Fails if a request could not be
   * judged.
   */
  take() {
    if (this.#failure) throw this.#failure;
    return this.#visits.shift();
  }

  /** Frees the port at once. Requests that were not taken get the page of an abandoned login. */
  async close() {
    for (const server of this.#servers) server.close();
    for (const socket of this.#queue.splice(0)) socket.destroy();
    for (const [socket, isVisit] of this.#sockets) {
      if (!isVisit) socket.destroy();
      // Its page is written, and the program need not wait until the browser closes the connection.
      else socket.unref();
    }
    await Promise.all(this.#visits.splice(0).map((visit) => visit.answer(this.#abandoned)));
  }

  /**
   * Lets connections in. If there are too many, the oldest that does not wait for a page is
   * closed: refusing the newest would let a flood of silent connections keep the browser out. If
   * all wait for a page, the newest has to wait, because any of them may be the browser.
   */
  #admit() {
    while (this.#queue.length > 0) {
      if (this.#sockets.size >= MOST_CONNECTIONS) {
        const idle = [...this.#sockets].find(([, isVisit]) => !isVisit);
        if (!idle) return;
        this.#sockets.delete(idle[0]);
        idle[0].destroy();
      }
      const socket = /** @type {Socket} */ (this.#queue.shift());
      if (!socket.destroyed) this.#serve(socket);
    }
  }

  /** @param {Socket} socket */
  #serve(socket) {
    this.#sockets.set(socket, false);
    const timer = setTimeout(() => {
      if (!this.#sockets.get(socket)) socket.destroy();
    }, REQUEST_PATIENCE_MS).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      this.#admit();
    });
    this.#http.emit('connection', socket);
    socket.resume();
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  #respond({ socket, method = '', url: target = '', rawHeaders, headers }, response) {
    const judgement = judged(() => this.#judge.judge(method, target, headerList(rawHeaders)));
    if (judgement.tag === 'err') {
      const { status, policy, text } = /** @type {Refusal} */ (judgement.val);
      if (status === 405) response.setHeader('allow', 'GET');
      response.writeHead(status, protectedHeaders('text/plain; charset=utf-8', policy)).end(text);
      return;
    }
    // Only now, because it reads tables of the system and few requests come this far.
    const peer = this.#peers.peer(socket);
    // The browser has closed the connection.
    if (!peer) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, true);
    /** @type {Promise<void> | undefined} */
    const gone = response.shouldKeepAlive
      ? new Promise((resolve) => socket.once('close', () => resolve()))
      : undefined;
    const answer = (/** @type {Page} */ page) => {
      clearTimeout(timer);
      const staysOpen = gone !== undefined && page.location === this.#endAddress;
      return written(response, page, staysOpen);
    };
    const timer = setTimeout(answer, PAGE_PATIENCE_MS, this.#abandoned).unref();
    this.#visits.push({ target, cookies: headers.cookie ?? '', answer, peer, gone });
    this.#arrived();
  }
}

/**
 * Writes a page. The connection stays open only for a browser that is redirected to the last page
 * of its login: it requests that page at once, and if it closes the connection instead, the login
 * does not wait for it.
 *
 * @param {http.ServerResponse} response
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
  // A browser that is gone, or does not read, needs no page.
  await closed.catch(() => {});
}

/**
 * Returns the headers of every response: it runs no scripts, loads nothing, and is not framed,
 * cached or sniffed, and no other site learns its address (RFC 9700 §4.2.4).
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

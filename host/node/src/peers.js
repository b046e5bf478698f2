// Finds out which user's browser is at the other end of a connection to the listener.
//
// Both ends of a loopback connection are sockets of this machine, and Linux lists each socket with
// the user that created it (`proc_pid_net(5)`).

import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

/** @import { Socket } from 'node:net' */
/** @import { Peer } from '../component/interfaces/latchstring-rules-host.js' */

/** @typedef {{ ours: string, theirs: string }} Ends the addresses of a connection to the listener */

/** The tables of this process's network namespace. */
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** Attempts to find a socket: the kernel writes a table in pieces and may miss one meanwhile. */
const ATTEMPTS = 3;

/** States of `tcp_states.h`: ESTABLISHED and CLOSE_WAIT. */
const OPEN = ['01', '08'];
const LISTEN = '0A';

/**
 * Returns an address and a port as one text. IPv4 is mapped into IPv6, as the kernel does it for
 * sockets of both families.
 *
 * @param {string | undefined} address
 * @param {number | undefined} port
 */
export function end(address = '::', port = 0) {
  const mapped = address.includes(':') ? address.replace(/%.*/, '') : `::ffff:${address}`;
  return `${new URL(`http://[${mapped}]`).hostname}:${port}`;
}

/**
 * Returns an address of a table in the form of `end`. `0100007F:1F90` is 127.0.0.1:8080 on a
 * little-endian machine: each group of eight digits is four bytes of the address, read as one
 * number.
 *
 * @param {string} text
 */
function written(text) {
  const [digits, port] = text.split(':');
  const bytes = Buffer.from(digits, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return end(bytes.length === 4 ? bytes.join('.') : groups.join(':'), parseInt(port, 16));
}

/**
 * Yields the sockets in the text of a table that have the listener's port at one end. A table may
 * have many thousands of others.
 *
 * @param {string} text
 * @param {string} listener
 */
function* sockets(text, listener) {
  const digits = Number(listener.split(':').at(-1)).toString(16).toUpperCase();
  const port = `:${digits.padStart(4, '0')}`;
  const line =
    /^\s*\d+: ([0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}) (\S+:[0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ (\d+) /gm;
  for (const [, ours, theirs, state, uid, inode] of text.matchAll(line)) {
    if (ours.length !== theirs.length || ![ours, theirs].some((one) => one.endsWith(port)))
      continue;
    const [local, remote] = [written(ours), written(theirs)];
    yield { local, remote, state, uid: Number(uid), inode: Number(inode) };
  }
}

/**
 * Returns the user id at the other end of a connection; `elsewhere` if the connection is open but
 * its other end is not listed, because it is in another network namespace or on another machine;
 * `gone` if it is closed. A socket that its owner has closed is listed with user 0 and inode 0,
 * which does not mean root.
 *
 * @param {Iterable<string>} texts the tables
 * @param {Ends} ends
 * @returns {number | 'elsewhere' | 'gone'}
 */
export function otherEnd(texts, { ours, theirs }) {
  /** @type {'elsewhere' | 'gone'} */
  let found = 'gone';
  for (const text of texts) {
    for (const { local, remote, state, uid, inode } of sockets(text, ours)) {
      if (local === theirs && remote === ours) return inode === 0 ? 'gone' : uid;
      if (local === ours && remote === theirs && OPEN.includes(state)) found = 'elsewhere';
    }
  }
  return found;
}

/**
 * Returns what a user id says about the browser. `own` are the user of this process and the one
 * who called `sudo`. `unmapped` is shown for users who have no id in this user namespace.
 *
 * @param {number} uid
 * @param {{ own: number[], unmapped?: number }} users
 * @returns {Peer}
 */
export function peerOf(uid, { own, unmapped }) {
  if ((uid === 0 && !own.includes(0)) || uid === unmapped) return 'unknown';
  return own.includes(uid) ? 'same-user' : 'other-user';
}

/** Tells the users at the other ends of a listener's connections apart. */
export class Peers {
  #users = users();

  /**
   * @param {string} address the listener's
   * @param {number} port
   */
  constructor(address, port) {
    const listener = end(address, port);
    /** Whether another user's connection can be told from this user's. */
    this.tells = TABLES.some((path) =>
      [...sockets(textOf(path), listener)].some(
        ({ local, state, uid }) =>
          local === listener && state === LISTEN && this.#users.own.includes(uid),
      ),
    );
  }

  /**
   * Returns the user at the other end, or `undefined` if that end is closed.
   *
   * @param {Socket} socket
   * @returns {Peer | undefined}
   */
  peer({ localAddress, localPort, remoteAddress, remotePort }) {
    if (!this.tells) return 'unknown';
    const ends = { ours: end(localAddress, localPort), theirs: end(remoteAddress, remotePort) };
    let isElsewhere = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = otherEnd(tables(), ends);
      if (typeof found === 'number') return peerOf(found, this.#users);
      isElsewhere = found === 'elsewhere';
    }
    return isElsewhere ? 'unknown' : undefined;
  }
}

/** Yields the tables. Each is read only if it is needed, because that takes milliseconds. */
function* tables() {
  for (const path of TABLES) yield textOf(path);
}

/** Returns the users as `peerOf` takes them. */
function users() {
  const sudo = process.env.SUDO_UID ?? '';
  const own = [process.geteuid?.(), /^\d+$/.test(sudo) ? Number(sudo) : undefined];
  const map = textOf('/proc/self/uid_map').trim().split(/\s+/).join(' ');
  // In the initial namespace every user has an id, and 65534 is a real one.
  const isNested = !['', '0 0 4294967295'].includes(map);
  const unmapped = isNested ? Number(textOf('/proc/sys/kernel/overflowuid') || 65534) : undefined;
  return { own: own.filter((uid) => uid !== undefined), unmapped };
}

/** @param {string} path */
function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

// Asks the kernel whose browser is at the other end of a connection to the listener.
//
// Both ends of a loopback connection are sockets of this machine, and Linux lists each
// with the user that created it (`proc_pid_net(5)`).

import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

/**
 * - `same-user`: the user that this login belongs to
 * - `other-user`: another user of this machine, whose visit is refused
 * - `unknown`: the system does not say, or says root, who carries connections for
 *   others (tunnels, containers)
 *
 * @typedef {'same-user' | 'other-user' | 'unknown'} Peer
 */

/** @typedef {{ ours: string, theirs: string }} Ends a connection, as the listener sees it */

/** Of this process's network namespace. */
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** The kernel writes the table piece by piece, and a socket may be missed meanwhile. */
const PASSES = 3;

/** States of `tcp_states.h`. */
const OPEN = ['01', '08'];
const LISTEN = '0A';

/**
 * An address and a port as one text; IPv4 mapped into IPv6 comes out as IPv4.
 *
 * @param {string | undefined} address
 * @param {number | undefined} port
 */
export function end(address = '', port = 0) {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const host = bare.includes(':') ? new URL(`http://[${bare}]`).hostname : bare;
  return `${host}:${port}`;
}

/**
 * `0100007F:1F90` is 127.0.0.1:8080 on a little-endian machine: each group of eight
 * digits is four bytes of the address, read as one number.
 *
 * @param {string} text
 */
function written(text) {
  const [digits, port] = text.split(':');
  const bytes = Buffer.from(digits, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return end(bytes.join('.'), parseInt(port, 16));
  const mapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff';
  if (mapped) return end(bytes.subarray(12).join('.'), parseInt(port, 16));
  return end(
    /** @type {string[]} */ (bytes.toString('hex').match(/.{4}/g)).join(':'),
    parseInt(port, 16),
  );
}

/**
 * The sockets in the text of a table.
 *
 * @param {string} text
 */
export function* sockets(text) {
  const line =
    /^\s*\d+: ([0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}) (\S+:[0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ (\d+) /gm;
  for (const [, local, remote, state, uid, inode] of text.matchAll(line)) {
    if (local.length !== remote.length) continue;
    yield {
      local: written(local),
      remote: written(remote),
      state,
      uid: Number(uid),
      inode: Number(inode),
    };
  }
}

/**
 * Returns the user id at the other end of a connection; `elsewhere` if the connection is
 * open but its other end is not listed (another network namespace or machine); `gone` if
 * it is closed. A socket that its owner has closed is listed with user 0 and inode 0,
 * which does not mean root.
 *
 * @param {Iterable<string>} texts of the tables
 * @param {Ends} ends
 * @returns {number | 'elsewhere' | 'gone'}
 */
export function otherEnd(texts, { ours, theirs }) {
  /** @type {'elsewhere' | 'gone'} */
  let found = 'gone';
  for (const text of texts) {
    for (const { local, remote, state, uid, inode } of sockets(text)) {
      if (local === theirs && remote === ours) return inode === 0 ? 'gone' : uid;
      if (local === ours && remote === theirs && OPEN.includes(state)) found = 'elsewhere';
    }
  }
  return found;
}

/**
 * What a user id means: `own` are this process's user and the one who called `sudo`,
 * whose browser it is; `unmapped` is what users without an id in this user namespace
 * are shown as.
 *
 * @param {number} uid
 * @param {{ own: number[], unmapped?: number }} users
 * @returns {Peer}
 */
export function peerOf(uid, { own, unmapped }) {
  if ((uid === 0 && !own.includes(0)) || uid === unmapped) return 'unknown';
  return own.includes(uid) ? 'same-user' : 'other-user';
}

/** Who the peers of a listener are. */
export class Peers {
  #users;
  /** Whether another user's connection would be told from this user's. */
  tells;

  /** @param {string} listener its end */
  constructor(listener) {
    this.#users = users();
    this.tells = false;
    for (const text of tables()) {
      this.tells = [...sockets(text)].some(
        ({ local, state, uid }) =>
          local === listener && state === LISTEN && this.#users.own.includes(uid),
      );
      if (this.tells) break;
    }
  }

  /**
   * The user at the other end, or `undefined` if that end is closed.
   *
   * @param {Ends} ends
   * @returns {Peer | undefined}
   */
  peer(ends) {
    if (!this.tells) return 'unknown';
    /** @type {ReturnType<typeof otherEnd>} */
    let found = 'gone';
    for (let pass = 0; pass < PASSES; pass += 1) {
      found = otherEnd(tables(), ends);
      if (typeof found === 'number') return peerOf(found, this.#users);
    }
    return found === 'elsewhere' ? 'unknown' : undefined;
  }
}

/** The tables that there are, each read when it is needed: that takes milliseconds. */
function* tables() {
  for (const path of TABLES) yield textOf(path) ?? '';
}

function users() {
  const sudo = process.env.SUDO_UID ?? '';
  const own = [process.geteuid?.(), /^\d+$/.test(sudo) ? Number(sudo) : undefined];
  const map = textOf('/proc/self/uid_map')?.trim().split(/\s+/).join(' ');
  // In the initial namespace every user has an id, and 65534 is a real one.
  const isNested = map !== undefined && map !== '0 0 4294967295';
  const unmapped = isNested ? Number(textOf('/proc/sys/kernel/overflowuid') ?? 65534) : undefined;
  return { own: own.filter((uid) => uid !== undefined), unmapped };
}

/** @param {string} path */
function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

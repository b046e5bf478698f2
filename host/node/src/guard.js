// Checks that folders and files are safe for tokens.

import * as fs from 'node:fs';

import { LatchError, reason } from './error.js';

/** Does not follow a symbolic link or wait for a pipe. Windows has neither flag. */
const CAREFUL = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);

/** What to do about an error of the system. @type {Record<string, Record<string, string>>} */
const REMEDIES = {
  'store-unusable': {
    EACCES: 'check the owner and permissions of the folders above it',
    EPERM: 'check the owner and permissions of the folders above it',
    EROFS: 'choose a writable folder',
  },
  'not-saved': {
    EACCES: 'make the folder writable, or choose another folder',
    EDQUOT: 'free some space and try again',
    ENOSPC: 'free some space and try again',
    EPERM: 'make the folder writable, or choose another folder',
    EROFS: 'make the folder writable, or choose another folder',
  },
};

/**
 * Returns whether the folder exists. Fails if it is not safe for secrets.
 *
 * @param {string} path
 */
export function checkFolder(path) {
  const stats = attempt('open', path, () => fs.statSync(path, { throwIfNoEntry: false }));
  if (!stats) return false;
  if (!stats.isDirectory()) {
    throw unusable(`${path} is not a folder`, 'remove it, or choose another folder');
  }
  checkPrivate(stats, path, '700', 'choose a folder that belongs to you');
  return true;
}

/**
 * Creates the folder for its owner only if it does not exist, and checks it in both cases.
 *
 * @param {string} path
 */
export function makeFolder(path) {
  if (checkFolder(path)) return;
  attempt('create', path, () => {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    // The umask may have removed bits of the owner.
    fs.chmodSync(path, 0o700);
  });
  checkFolder(path);
}

/**
 * Returns the contents of a session's file, or `undefined` if there is none. Fails if it is not
 * safe for secrets or larger than `limit` bytes.
 *
 * @param {string} path
 * @param {bigint} limit
 */
export function readSession(path, limit) {
  return attempt('read', path, () => {
    let file;
    try {
      file = fs.openSync(path, fs.constants.O_RDONLY | CAREFUL);
    } catch (error) {
      if (reason(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const stats = checkRegular(file, path);
      checkPrivate(stats, path, '600', 'remove it and log in again');
      if (stats.size <= limit) return fs.readFileSync(file);
      const message = `${path} has ${stats.size} bytes; a session has at most ${limit}`;
      throw unusable(message, 'remove the file and log in again');
    } finally {
      fs.closeSync(file);
    }
  });
}

/**
 * Opens a lock file, creating it if needed. Its contents are never read.
 *
 * @param {string} path
 */
export function openLockFile(path) {
  return attempt('open', path, () => {
    const file = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | CAREFUL, 0o600);
    try {
      checkRegular(file, path);
      // Whatever the umask was.
      fs.fchmodSync(file, 0o600);
      return file;
    } catch (error) {
      fs.closeSync(file);
      throw error;
    }
  });
}

/**
 * Makes a rename or removal in the folder survive a crash. Windows cannot open folders, and some
 * network file systems do not support this and order such changes themselves.
 *
 * @param {string} path
 */
export function syncFolder(path) {
  if (process.platform === 'win32') return;
  const folder = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(folder);
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP'].includes(reason(error))) throw error;
  } finally {
    fs.closeSync(folder);
  }
}

/**
 * Runs a step on the file system, and fails with `code` if the system refuses it. `what` is a verb
 * for the error: "cannot `what` `path`".
 *
 * @template T
 * @param {string} what
 * @param {string} path
 * @param {() => T} step
 * @param {'store-unusable' | 'not-saved'} [code]
 */
export function attempt(what, path, step, code = 'store-unusable') {
  try {
    return step();
  } catch (error) {
    if (error instanceof LatchError) throw error;
    const why = reason(error);
    if (why === 'ELOOP') {
      const message = `${path} is a symbolic link, which is not followed`;
      throw unusable(message, 'remove it and log in again');
    }
    const remedy = 'check the folder and its file system, or choose another folder';
    throw new LatchError(code, `cannot ${what} ${path}: ${why}`, REMEDIES[code][why] ?? remedy);
  }
}

/**
 * @param {string} message
 * @param {string} remedy
 */
export function unusable(message, remedy) {
  return new LatchError('store-unusable', message, remedy);
}

/**
 * Returns the stats of an opened file. Fails if it is not a regular one.
 *
 * @param {number} file
 * @param {string} path
 */
function checkRegular(file, path) {
  const stats = fs.fstatSync(file);
  if (stats.isFile()) return stats;
  throw unusable(`${path} is not a regular file`, 'remove it and log in again');
}

/**
 * Fails if the entry belongs to another user or others can access it. Windows has no such modes:
 * the user's own folder protects what is in it.
 *
 * @param {fs.Stats} stats
 * @param {string} path
 * @param {string} mode the mode that it should have, as `chmod` takes it
 * @param {string} disown the remedy if it belongs to another user
 */
function checkPrivate(stats, path, mode, disown) {
  const user = process.geteuid?.();
  if (user === undefined) return;
  if (stats.uid !== user) {
    throw unusable(`${path} belongs to user ${stats.uid}, not to you (${user})`, disown);
  }
  if (stats.mode & 0o077) {
    const found = (stats.mode & 0o777).toString(8);
    throw unusable(
      `${path} is open to other users (mode ${found})`,
      `run: chmod ${mode} '${path}'`,
    );
  }
}

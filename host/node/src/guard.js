// Checks that folders and files are safe for tokens.

import * as fs from 'node:fs';

import { LatchError, reason } from './error.js';

/** Does not follow a symbolic link or wait for a pipe. Windows has neither flag. */
const CAREFUL = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);

/** What to do about an error of the system. @type {Record<string, string>} */
const REMEDIES = {
  EACCES: 'check who owns the folders above it and what they permit',
  EPERM: 'check who owns the folders above it and what they permit',
  EROFS: 'choose a folder that can be written to',
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
  checkPrivate(stats, path, '700', 'choose a folder of your own');
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
  const file = open(path, fs.constants.O_RDONLY);
  if (file === undefined) return undefined;
  try {
    return attempt('read', path, () => {
      const stats = fs.fstatSync(file);
      checkRegular(stats, path);
      checkPrivate(stats, path, '600', 'remove it and log in again');
      if (stats.size > limit) {
        const message = `${path} has ${stats.size} bytes; a session has at most ${limit}`;
        throw unusable(message, 'remove the file and log in again');
      }
      return fs.readFileSync(file);
    });
  } finally {
    fs.closeSync(file);
  }
}

/**
 * Opens a lock file, creating it if needed. Its contents are never read.
 *
 * @param {string} path
 */
export function openLockFile(path) {
  const file = open(path, fs.constants.O_RDWR | fs.constants.O_CREAT);
  if (file === undefined) throw cannot('open', path, { code: 'ENOENT' });
  try {
    attempt('make', path, () => {
      checkRegular(fs.fstatSync(file), path);
      // Whatever the umask was.
      fs.fchmodSync(file, 0o600);
    });
    return file;
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
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
 * Runs a step on the file system, and fails with `store-unusable` if the system refuses it.
 * `what` is a verb for the error: "cannot `what` `path`".
 *
 * @template T
 * @param {string} what
 * @param {string} path
 * @param {() => T} step
 */
export function attempt(what, path, step) {
  try {
    return step();
  } catch (error) {
    throw error instanceof LatchError ? error : cannot(what, path, error);
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
 * @param {string} what
 * @param {string} path
 * @param {unknown} error
 */
function cannot(what, path, error) {
  return unusable(
    `cannot ${what} ${path}: ${reason(error)}`,
    REMEDIES[reason(error)] ?? 'check the folder and its file system, or choose another folder',
  );
}

/**
 * Opens a file, or returns `undefined` if it does not exist.
 *
 * @param {string} path
 * @param {number} flags
 */
function open(path, flags) {
  try {
    return fs.openSync(path, flags | CAREFUL, 0o600);
  } catch (error) {
    if (reason(error) === 'ENOENT') return undefined;
    if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      const message = `${path} is a symbolic link, which is not followed`;
      throw unusable(message, 'remove it and log in again');
    }
    throw cannot('open', path, error);
  }
}

/**
 * @param {fs.Stats} stats
 * @param {string} path
 */
function checkRegular(stats, path) {
  if (stats.isFile()) return;
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
    throw unusable(`${path} is open to others (mode ${found})`, `run: chmod ${mode} '${path}'`);
  }
}

// What makes a folder and a file safe to keep tokens in.

import * as fs from 'node:fs';

import { LatchError, reason } from './error.js';

/** Neither follows a symbolic link nor waits for a pipe; Windows has neither flag. */
const CAREFUL = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);

/**
 * Whether the folder is there; fails where it is not fit for secrets.
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
 * Makes the folder, private from the start, unless it is there.
 *
 * @param {string} path
 */
export function makeFolder(path) {
  if (checkFolder(path)) return;
  attempt('create', path, () => {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    // The umask can only have taken bits away; the owner gets them back.
    fs.chmodSync(path, 0o700);
  });
  checkFolder(path);
}

/**
 * Opens a session to read; none where there is none.
 *
 * @param {string} path
 */
export function openSession(path) {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY | CAREFUL);
  } catch (error) {
    if (reason(error) === 'ENOENT') return undefined;
    throw notOpened(path, error);
  }
}

/**
 * The opened session's size in bytes; fails where it is not fit for secrets.
 *
 * @param {number} file
 * @param {string} path
 */
export function sessionSize(file, path) {
  const stats = attempt('read', path, () => fs.fstatSync(file));
  checkRegular(stats, path);
  checkPrivate(stats, path, '600', 'remove it and log in again');
  return stats.size;
}

/**
 * Opens a file for what it is and not for what is in it, made where it is missing.
 *
 * @param {string} path
 */
export function openOrMake(path) {
  let file;
  try {
    file = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | CAREFUL, 0o600);
  } catch (error) {
    throw notOpened(path, error);
  }
  try {
    checkRegular(fs.fstatSync(file), path);
    // Whatever the umask made of it.
    fs.fchmodSync(file, 0o600);
    return file;
  } catch (error) {
    fs.closeSync(file);
    throw error instanceof LatchError ? error : cannot('make', path, error);
  }
}

/**
 * Makes a rename or a removal in the folder survive a crash. Windows opens no
 * folders, and some network file systems order such changes themselves.
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
export function cannot(what, path, error) {
  const remedy = ['EACCES', 'EPERM'].includes(reason(error))
    ? 'check who owns the folders above it and what they permit'
    : 'check the folder and its file system, or choose another folder';
  return unusable(`cannot ${what} ${path}: ${reason(error)}`, remedy);
}

/**
 * @param {string} path
 * @param {unknown} error
 */
function notOpened(path, error) {
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    const message = `${path} is a symbolic link, which is not followed`;
    return unusable(message, 'remove it and log in again');
  }
  return cannot('open', path, error);
}

/**
 * @param {fs.Stats} stats
 * @param {string} path
 */
function checkRegular(stats, path) {
  if (!stats.isFile())
    throw unusable(`${path} is not a regular file`, 'remove it and log in again');
}

/**
 * Fails where the entry belongs to someone else or others can reach it. Windows
 * knows neither; there the per-user folder is the protection.
 *
 * @param {fs.Stats} stats
 * @param {string} path
 * @param {string} mode what it should be, as `chmod` takes it
 * @param {string} disown what to do where it is somebody else's
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

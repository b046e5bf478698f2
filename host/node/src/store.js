// Sessions in files that only their owner can read, as the native program keeps them with
// `--store file`: `PROFILE.ACCOUNT.session` in one folder.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { decided } from './components.js';
import { LatchError, reason } from './error.js';
import { attempt, checkFolder, makeFolder, readSession, syncFolder } from './guard.js';
import { lock } from './lock.js';

/** @import { Rules } from './components.js' */
/** @import { Lock } from './lock.js' */

/** What to do about a failed write. @type {Record<string, string>} */
const REMEDIES = {
  ENOSPC: 'free some space and try again',
  EDQUOT: 'free some space and try again',
  EACCES: 'make the folder writable for you, or choose another folder',
  EPERM: 'make the folder writable for you, or choose another folder',
  EROFS: 'make the folder writable for you, or choose another folder',
};

/**
 * Where one session is kept. The caller of `write`, `delete` and `setAside` holds the lock.
 * Errors are `LatchError`s.
 *
 * @typedef {object} Store
 * @property {string} place where the session is or would be kept, in words for the user
 * @property {() => Awaitable<Uint8Array | undefined>} read returns what is stored, or `undefined`
 *   if there is nothing; takes no lock
 * @property {(bytes: Uint8Array) => Awaitable<void>} write replaces what is stored, atomically and
 *   durably
 * @property {() => Awaitable<void>} delete deletes what is stored, if anything
 * @property {() => Awaitable<void>} probe fails if `read` or `write` would fail, and changes
 *   nothing
 * @property {() => Awaitable<string>} setAside moves what is stored away, because it cannot be
 *   read, and returns its new place
 * @property {(patienceMs: number, signal?: AbortSignal) => Promise<Lock>} lock takes the lock that
 *   all processes with this session share; `signal` ends the wait for it
 */

/**
 * @template T
 * @typedef {T | Promise<T>} Awaitable
 */

/** Bytes of a session with long tokens, to notice a full disk. */
const PROBE_BYTES = 16 * 1024;

/**
 * A session in a file.
 *
 * A save renames a complete file over the old one, so that a reader needs no lock and a crash
 * leaves the old session or the new one. Files are written synchronously: a write that continued
 * after a cancelled call would outlive its lock.
 *
 * @implements {Store}
 */
export class FileStore {
  #rules;
  #folder;
  #stem;

  /**
   * @param {Rules} rules
   * @param {string} folder created by the first write
   * @param {string} profile
   * @param {string} account the component's `account-key`
   */
  constructor(rules, folder, profile, account) {
    this.#rules = rules;
    this.#folder = folder;
    this.#stem = decided(() => rules.fileStem(profile, account));
  }

  get place() {
    return this.#path('session');
  }

  read() {
    if (!checkFolder(this.#folder)) return undefined;
    return readSession(this.place, this.#rules.sessionLimit());
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    makeFolder(this.#folder);
    this.#sweep();
    const temporary = this.#temporary(bytes);
    try {
      fs.renameSync(temporary, this.place);
      syncFolder(this.#folder);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw notSaved(this.place, error);
    }
  }

  delete() {
    if (!checkFolder(this.#folder)) return;
    this.#sweep();
    attempt('delete', this.place, () => {
      fs.rmSync(this.place, { force: true });
      syncFolder(this.#folder);
    });
  }

  probe() {
    makeFolder(this.#folder);
    this.read();
    fs.rmSync(this.#temporary(Buffer.alloc(PROBE_BYTES)), { force: true });
  }

  setAside() {
    for (let turn = 1; ; turn += 1) {
      const aside = this.#path(this.#rules.asideName(turn));
      if (fs.lstatSync(aside, { throwIfNoEntry: false })) continue;
      attempt('set aside', this.place, () => {
        fs.renameSync(this.place, aside);
        syncFolder(this.#folder);
      });
      return aside;
    }
  }

  /**
   * @param {number} patienceMs
   * @param {AbortSignal} [signal]
   */
  lock(patienceMs, signal) {
    makeFolder(this.#folder);
    return lock(this.#path('lock'), patienceMs, signal);
  }

  /**
   * Writes bytes to a new private file beside the session, and returns its path.
   *
   * @param {Uint8Array} bytes
   */
  #temporary(bytes) {
    const name = `${this.#temporaryPrefix}${randomBytes(8).toString('hex')}.tmp`;
    const path = join(this.#folder, name);
    try {
      const file = fs.openSync(path, 'wx', 0o600);
      try {
        fs.fchmodSync(file, 0o600);
        fs.writeFileSync(file, bytes);
        fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
      return path;
    } catch (error) {
      fs.rmSync(path, { force: true });
      throw notSaved(this.#folder, error);
    }
  }

  /**
   * Removes the temporary files of writers of this session that died: they may contain tokens.
   * The caller holds the lock, so no writer is alive.
   */
  #sweep() {
    for (const name of fs.readdirSync(this.#folder)) {
      if (!name.startsWith(this.#temporaryPrefix)) continue;
      try {
        fs.rmSync(join(this.#folder, name), { force: true });
      } catch {
        // A file that stays does no harm to the session itself.
      }
    }
  }

  get #temporaryPrefix() {
    return `.${this.#stem}.`;
  }

  /** @param {string} extension */
  #path(extension) {
    return join(this.#folder, `${this.#stem}.${extension}`);
  }
}

/** Returns the native program's folder of sessions. */
export function defaultFolder() {
  const { env, platform } = process;
  if (platform === 'darwin') {
    return join(homedir(), 'Library', 'Application Support', 'latchstring');
  }
  if (platform === 'win32') {
    return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'latchstring', 'data');
  }
  // A relative path is ignored, as the XDG Base Directory Specification says.
  const state = env.XDG_STATE_HOME?.startsWith('/')
    ? env.XDG_STATE_HOME
    : join(homedir(), '.local', 'state');
  return join(state, 'latchstring');
}

/**
 * @param {string} path
 * @param {unknown} error
 */
function notSaved(path, error) {
  return new LatchError(
    'not-saved',
    `cannot write to ${path}: ${reason(error)}`,
    REMEDIES[reason(error)] ?? 'check the folder and its file system, or choose another folder',
  );
}

// Sessions as files that only their owner can read, as the native program keeps
// them with `--store file`: `PROFILE.ACCOUNT.session` in one folder.
//
// A file is replaced by renaming a complete one over it, so that a reader needs no
// lock and a crash leaves the old session or the new one. Files are written while
// nothing else of this process runs: a write that went on behind a cancelled call
// would outlive its lock.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { decided } from './components.js';
import { LatchError, reason } from './error.js';
import {
  attempt,
  checkFolder,
  makeFolder,
  openSession,
  sessionSize,
  syncFolder,
  unusable,
} from './guard.js';
import { lock } from './lock.js';

/** @import { Lock } from './lock.js' */
/** @import { Rules } from './components.js' */

/**
 * Where one session is kept: files unless the caller brings another. Each may answer
 * at once or later; errors are `LatchError`s.
 *
 * @typedef {object} Store
 * @property {string} place for people
 * @property {() => Awaitable<Uint8Array | undefined>} read what is stored now; takes no lock
 * @property {(bytes: Uint8Array) => Awaitable<void>} write replaces it, atomically and durably
 * @property {() => Awaitable<void>} delete nothing to delete is no error
 * @property {() => Awaitable<void>} probe fails where `read` or `write` would
 * @property {() => Awaitable<string>} setAside moves away what is damaged, and says where to
 * @property {(patienceMs: number, signal?: AbortSignal) => Promise<Lock>} lock of this
 * session, among all processes
 */

/**
 * @template T
 * @typedef {T | Promise<T>} Awaitable
 */

/** As much as a session with long tokens takes, to notice a full disk. */
const PROBE_BYTES = 16 * 1024;

/**
 * Where one session is kept.
 *
 * @implements {Store}
 */
export class FileStore {
  #rules;
  #folder;
  #stem;

  /**
   * @param {Rules} rules
   * @param {string} folder made by the first write
   * @param {string} profile
   * @param {string} account the component's `account-key`
   */
  constructor(rules, folder, profile, account) {
    this.#rules = rules;
    this.#folder = folder;
    this.#stem = decided(() => rules.fileStem(profile, account));
  }

  /** Where this session is or would be kept, for people. */
  get place() {
    return this.#path('session');
  }

  /** What is stored now; none where there is nothing. Takes no lock. */
  read() {
    if (!checkFolder(this.#folder)) return undefined;
    const file = openSession(this.place);
    if (file === undefined) return undefined;
    try {
      const size = sessionSize(file, this.place);
      const limit = this.#rules.sessionLimit();
      if (size > limit) {
        const message = `${this.place} has ${size} bytes; a session has at most ${limit}`;
        throw unusable(message, 'remove the file and log in again');
      }
      return attempt('read', this.place, () => fs.readFileSync(file));
    } finally {
      fs.closeSync(file);
    }
  }

  /**
   * Replaces what is stored, atomically and durably. The caller holds the lock.
   *
   * @param {Uint8Array} bytes
   */
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

  /** Deletes what is stored; nothing to delete is no error. The caller holds the lock. */
  delete() {
    if (!checkFolder(this.#folder)) return;
    this.#sweep();
    attempt('delete', this.place, () => {
      fs.rmSync(this.place, { force: true });
      syncFolder(this.#folder);
    });
  }

  /** Fails where `read` or `write` would, and changes nothing. */
  probe() {
    makeFolder(this.#folder);
    this.read();
    fs.rmSync(this.#temporary(Buffer.alloc(PROBE_BYTES)), { force: true });
  }

  /**
   * Moves a damaged session out of the way without deleting it, and says where it is
   * now. The caller holds the lock.
   */
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
   * Waits for this session's lock, across processes.
   *
   * @param {number} patienceMs
   * @param {AbortSignal} [signal]
   */
  lock(patienceMs, signal) {
    makeFolder(this.#folder);
    return lock(this.#path('lock'), patienceMs, signal);
  }

  /**
   * A private file beside the sessions with `bytes` in it, on the disk.
   *
   * @param {Uint8Array} bytes
   */
  #temporary(bytes) {
    const path = join(
      this.#folder,
      `${this.#temporaryPrefix}${randomBytes(8).toString('hex')}.tmp`,
    );
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
   * Removes what writers of this session that died left behind: it may hold tokens.
   *
   * The caller holds the lock, so no writer is alive. What cannot be removed does no
   * harm to the session itself.
   */
  #sweep() {
    for (const name of fs.readdirSync(this.#folder)) {
      if (!name.startsWith(this.#temporaryPrefix)) continue;
      try {
        fs.rmSync(join(this.#folder, name), { force: true });
      } catch {
        // As said above.
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

/** Where sessions are kept unless the caller says otherwise: the native program's folder. */
export function defaultFolder() {
  const { env, platform } = process;
  if (platform === 'darwin')
    return join(homedir(), 'Library', 'Application Support', 'latchstring');
  if (platform === 'win32') {
    return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'latchstring', 'data');
  }
  // The specification wants a relative one ignored.
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
  const remedy = ['ENOSPC', 'EDQUOT'].includes(reason(error))
    ? 'free some space and try again'
    : 'check the folder and its file system, or choose another folder';
  return new LatchError('not-saved', `cannot write to ${path}: ${reason(error)}`, remedy);
}

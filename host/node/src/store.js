// Sessions in files that only their owner can read, as the native program keeps them with
// `--store file`: `PROFILE.ACCOUNT.session` in one folder. Registrations of clients are files
// of the same kind.

import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { attempt, checkFolder, makeFolder, readSession, syncFolder } from './guard.js';
import { lock } from './lock.js';

/** @import { Rules } from './components.js' */
/** @import { Lock } from './lock.js' */

/**
 * Where one session, or one registration of a client, is kept. The caller of `write`, `delete` and `setAside` holds the lock.
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
 * A session or a registration in a file.
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
   * @param {string} stem the beginning of the names of its files, which the rules component chose
   */
  constructor(rules, folder, stem) {
    this.#rules = rules;
    this.#folder = folder;
    this.#stem = stem;
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
    this.#writeBeside(bytes, (file) => {
      fs.renameSync(file, this.place);
      syncFolder(this.#folder);
    });
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
    this.#writeBeside(Buffer.alloc(PROBE_BYTES), () => {});
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
  async lock(patienceMs, signal) {
    makeFolder(this.#folder);
    return lock(this.#path('lock'), patienceMs, signal);
  }

  /**
   * Writes bytes to a new private file beside the session. Removes it if `move` has not moved it.
   *
   * @param {Uint8Array} bytes
   * @param {(path: string) => void} move
   */
  #writeBeside(bytes, move) {
    const path = join(this.#folder, `${this.#temporaryPrefix}${randomUUID()}.tmp`);
    const write = () => {
      const file = fs.openSync(path, 'wx', 0o600);
      try {
        fs.fchmodSync(file, 0o600);
        fs.writeFileSync(file, bytes);
        fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
      move(path);
    };
    try {
      attempt('write to', this.place, write, 'not-saved');
    } finally {
      fs.rmSync(path, { force: true });
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
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'latchstring');
  if (platform === 'win32') {
    return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'latchstring', 'data');
  }
  // A relative path is ignored, as the XDG Base Directory Specification says.
  const state = env.XDG_STATE_HOME?.startsWith('/') && env.XDG_STATE_HOME;
  return join(state || join(home, '.local', 'state'), 'latchstring');
}

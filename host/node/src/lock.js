// The lock of a session, which one process holds at a time.
//
// The native program holds `flock(2)` on a file. Node has no such call. But the lock belongs to
// the opened file and not to a process: a helper program that inherits the open file locks it and
// ends, and the lock lasts until this process closes the file, at the latest when it ends.
//
// Windows has no helper. There this host claims the name of a pipe, which the system gives to one
// process at a time. That locks out other Node processes, but not the native program. Elsewhere
// any user could take such a name, so a missing helper is an error.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { LatchError, reason } from './error.js';
import { openLockFile, unusable } from './guard.js';

/** Programs that lock their descriptor 3: `flock` on Linux, `perl` on macOS and most others. */
export const HELPERS = [
  ['flock', '-x', '3'],
  ['perl', '-e', 'open(FILE, "+<&=3") && flock(FILE, 2) or exit 1'],
];

/** Time between two attempts to claim the name of a pipe. */
const PAUSE_MS = 25;

/** @typedef {{ release: () => void | Promise<void> }} Lock a lock that this process holds */

/**
 * Takes the lock, waiting for it if needed.
 *
 * @param {string} path the lock file. It is never deleted: a process that waits for a deleted
 *   file would hold a lock that no other process sees
 * @param {number} patienceMs
 * @param {AbortSignal} [signal] ends the wait
 * @param {string[][]} [helpers]
 * @returns {Promise<Lock>}
 */
export async function lock(path, patienceMs, signal, helpers = HELPERS) {
  const file = openLockFile(path);
  const timeout = AbortSignal.timeout(patienceMs);
  const end = AbortSignal.any(signal ? [signal, timeout] : [timeout]);
  try {
    const pipe = process.platform === 'win32' ? await claimed(path, end) : undefined;
    if (!pipe) await locked(file, helpers, end);
    return {
      release: () => {
        pipe?.close();
        closeSync(file);
      },
    };
  } catch (error) {
    closeSync(file);
    if (!timeout.aborted || signal?.aborted) throw error;
    throw new LatchError(
      'store-unusable',
      `${path} is still locked by another process after ${patienceMs / 1000} s`,
      'try again; if this persists, stop the other process that uses this session',
      { retryable: true },
    );
  }
}

/**
 * Locks the file with the first helper that is there.
 *
 * @param {number} file
 * @param {string[][]} helpers
 * @param {AbortSignal} signal
 */
async function locked(file, helpers, signal) {
  for (const [program, ...words] of helpers) {
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore', file], signal });
    try {
      const [status] = await once(child, 'exit');
      signal.throwIfAborted();
      if (status === 0) return;
    } catch (error) {
      if (['ENOENT', 'EACCES'].includes(reason(error))) continue;
      throw error;
    }
    const message = `${program} could not lock the session`;
    throw unusable(message, 'choose a folder on a local file system');
  }
  const message = 'the session cannot be locked: neither flock nor perl was found';
  throw unusable(message, 'install one of them');
}

/**
 * Waits for the name of a pipe that belongs to the lock file.
 *
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function claimed(path, signal) {
  const name = `latchstring-${createHash('sha256').update(path).digest('hex')}`;
  for (;;) {
    const pipe = createServer((socket) => socket.destroy());
    try {
      pipe.listen(`\\\\.\\pipe\\${name}`);
      await once(pipe, 'listening');
      return pipe.unref();
    } catch (error) {
      if (reason(error) !== 'EADDRINUSE') throw error;
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

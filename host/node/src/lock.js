// One process at a time.
//
// The native program holds `flock(2)` on a file, and the kernel releases it at the
// latest when the process dies. Node has no such call, but a lock of that kind
// belongs to the opened file and not to a process: a helper that is handed the open
// file locks it and ends, and the lock stays for as long as this process keeps the
// file open. So Node and the native program wait for each other, and no lock is ever
// left behind.
//
// Windows has no helper. There a pipe's name is claimed instead, which the system gives
// to one process at a time and takes back when it dies: that keeps Node processes from
// each other, and not from the native program. Elsewhere such a name could be occupied
// by any user, and a missing helper is an error.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { LatchError, reason } from './error.js';
import { openOrMake, unusable } from './guard.js';

/**
 * Programs that lock what they are handed as descriptor 3: that of Linux, and what
 * every macOS and most else has.
 */
export const HELPERS = [
  ['flock', '-x', '3'],
  ['perl', '-e', 'open(FILE, "+<&=3") && flock(FILE, 2) or exit 1'],
];

/** Between two claims of an endpoint. */
const PAUSE_MS = 25;

/** @typedef {{ release: () => void | Promise<void> }} Lock a held one */

/**
 * Waits for the lock; `signal` ends the wait.
 *
 * @param {string} path its file, which is never deleted: whoever waits on a deleted
 * file would hold a lock that nobody else sees
 * @param {number} patienceMs
 * @param {AbortSignal} [signal]
 * @param {string[][]} [helpers]
 * @returns {Promise<Lock>}
 */
export async function lock(
  path,
  patienceMs,
  signal,
  helpers = process.platform === 'win32' ? [] : HELPERS,
) {
  const file = openOrMake(path);
  const patience = AbortSignal.timeout(patienceMs);
  const ends = signal ? AbortSignal.any([signal, patience]) : patience;
  try {
    for (const helper of helpers) {
      if (await locked(file, helper, ends)) return { release: () => closeSync(file) };
    }
    if (process.platform !== 'win32') {
      throw unusable(
        'neither flock nor perl is here to lock the session with',
        'install one of them',
      );
    }
    const endpoint = await claimed(path, ends);
    return {
      release: () => {
        endpoint.close();
        closeSync(file);
      },
    };
  } catch (error) {
    closeSync(file);
    if (!patience.aborted || signal?.aborted) throw error;
    throw new LatchError(
      'store-unusable',
      `${path} is still locked by another process after ${patienceMs / 1000} s`,
      'try again; if it stays, end the other login or renewal of this profile',
      { retryable: true },
    );
  }
}

/**
 * Whether a helper locked the file; false where there is no such helper.
 *
 * @param {number} file
 * @param {string[]} helper
 * @param {AbortSignal} signal
 */
async function locked(file, [program, ...words], signal) {
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore', file], signal });
  try {
    const [status] = await once(child, 'exit');
    signal.throwIfAborted();
    if (status === 0) return true;
    throw unusable(
      `${program} could not lock the session`,
      'choose a folder on a local file system',
    );
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(reason(error))) return false;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function claimed(path, signal) {
  const name = `latchstring-${createHash('sha256').update(path).digest('hex')}`;
  for (;;) {
    const endpoint = createServer((socket) => socket.destroy());
    try {
      endpoint.listen(`\\\\.\\pipe\\${name}`);
      await once(endpoint, 'listening');
      return endpoint.unref();
    } catch (error) {
      if (reason(error) !== 'EADDRINUSE') throw error;
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

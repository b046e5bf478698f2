// Messages and questions to the user, on standard error: standard output is for scripts.

import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { printable } from './error.js';

/**
 * Shows messages to the user and asks questions.
 *
 * @typedef {object} Terminal
 * @property {boolean} isAttended whether a user can read messages and answer
 * @property {(text: string) => void} say shows lines; the end of the last one may be left out
 * @property {(hidden: boolean, signal: AbortSignal) => Promise<string>} ask returns the line that
 *   the user types, which is not shown if `hidden`. Waits forever if there is no user; fails and
 *   stops reading once `signal` is aborted
 */

/**
 * Standard error and the keyboard.
 *
 * @type {Terminal}
 */
export const stderrTerminal = {
  get isAttended() {
    return Boolean(process.stdin.isTTY && process.stderr.isTTY);
  },

  say(text) {
    for (const line of text.replace(/\n$/, '').split('\n')) {
      process.stderr.write(`${printable(line)}\n`);
    }
  },

  async ask(hidden, signal) {
    if (!this.isAttended) return new Promise(() => {});
    const lines = createInterface({
      input: process.stdin,
      output: hidden ? undefined : process.stderr,
      // Also without output: then nothing is shown, and a line may be longer than the 4096
      // bytes to which the system cuts it.
      terminal: true,
      historySize: 0,
    });
    // Ctrl-C still interrupts the program.
    lines.once('SIGINT', () => {
      lines.close();
      process.kill(process.pid, 'SIGINT');
    });
    try {
      const [line] = await once(lines, 'line', { signal });
      return line;
    } finally {
      lines.close();
    }
  },
};

// Talking to the person, on standard error: standard output belongs to scripts.

import { createInterface } from 'node:readline';

import { printable } from './error.js';

/**
 * Where the person is told what happens, and asked.
 *
 * @typedef {object} Terminal
 * @property {boolean} isAttended whether somebody can read what is said, and answer
 * @property {(text: string) => void} say shows lines; the end of the last one may be left out
 * @property {(hidden: boolean, signal: AbortSignal) => Promise<string>} ask what the
 * person types, up to the end of a line; not shown while it is typed where `hidden`.
 * Waits for ever where nobody can be asked, and gives the keyboard back on `signal`
 */

/**
 * Standard error, and the keyboard.
 *
 * @type {Terminal}
 */
export const stderrTerminal = {
  get isAttended() {
    return Boolean(process.stdin.isTTY && process.stderr.isTTY);
  },

  say(text) {
    for (const line of text.replace(/\n$/, '').split('\n'))
      process.stderr.write(`${printable(line)}\n`);
  },

  ask(hidden, signal) {
    return new Promise((resolve) => {
      if (!this.isAttended || signal.aborted) return;
      const output = hidden ? undefined : process.stderr;
      // As a terminal even without output: then nothing is echoed, and a line may be
      // longer than the 4096 bytes that terminals cut it to.
      const lines = createInterface({
        input: process.stdin,
        output,
        terminal: true,
        historySize: 0,
      });
      const end = () => lines.close();
      signal.addEventListener('abort', end, { once: true });
      lines.once('close', () => signal.removeEventListener('abort', end));
      lines.once('line', (text) => {
        resolve(text);
        end();
      });
      // The keys that interrupt still do.
      lines.once('SIGINT', () => {
        end();
        process.kill(process.pid, 'SIGINT');
      });
    });
  },
};

/**
 * A phrase of the component as a sentence.
 *
 * @param {string} phrase
 */
export function sentence(phrase) {
  return `${phrase[0]?.toUpperCase() ?? ''}${phrase.slice(1)}.`;
}

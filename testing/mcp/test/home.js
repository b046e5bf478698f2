// A home folder, the program in it, and a user.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, program } from '../programs.mjs';

/** Runs a program on a terminal: what it shows and what is typed pass through. */
const ON_A_TERMINAL =
  'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** A home folder for one test, empty at first. */
export class Home {
  static async make(t) {
    return new Home(t, await freePort());
  }

  constructor(t, port) {
    this.folder = mkdtempSync(join(tmpdir(), 'latchstring-mcp-'));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
    this.state = join(this.folder, 'state');
    this.port = port;
    this.t = t;
  }

  /** Starts `latch` with these arguments, and a browser in which a user logs in. */
  start(...words) {
    const browser = { LATCH_BROWSER: program('visitor') };
    return this.#spawn([program('latch'), ...words], browser);
  }

  /** Starts `latch` on a terminal in a shell of another machine: without a browser. */
  startOverSsh(...words) {
    const latch = [program('latch'), ...words, '--plain'];
    const there = { SSH_CONNECTION: '192.0.2.1 50022 192.0.2.2 22' };
    return this.#spawn(['python3', '-c', ON_A_TERMINAL, ...latch], there);
  }

  /** Starts `latch` on a terminal of the user's own machine. */
  startOnTerminal(...words) {
    const latch = [program('latch'), ...words, '--plain'];
    const browser = { LATCH_BROWSER: program('visitor') };
    return this.#spawn(['python3', '-c', ON_A_TERMINAL, ...latch], browser);
  }

  /** The environment of its programs. */
  get environment() {
    return {
      PATH: process.env.PATH,
      HOME: this.folder,
      LATCH_STATE_DIR: this.state,
      LATCH_CONFIG_DIR: join(this.folder, 'config'),
      LATCH_STORE: 'file',
      LATCH_PORT: String(this.port),
    };
  }

  #spawn([command, ...words], more) {
    const env = { ...this.environment, ...more };
    const child = spawn(command, words, { cwd: this.folder, env });
    this.t.after(() => child.kill());
    return new Running(child);
  }

  /** Runs `latch` to its end. Returns its exit code and what it printed. */
  run(...words) {
    return this.start(...words).finish();
  }

  /** Runs `latch` to its end, which is to be a success. Returns what it printed, trimmed. */
  async output(...words) {
    const { status, stdout, stderr } = await this.run(...words);
    if (status !== 0) throw new Error(`latch ${words.join(' ')}: exit ${status}\n${stderr}`);
    return stdout.trim();
  }

  /** Makes the access token of the only session expire. */
  expire() {
    const names = readdirSync(this.state).filter((name) => /^default\..*\.session$/.test(name));
    if (names.length !== 1) throw new Error(`one session was expected: ${names}`);
    const path = join(this.state, names[0]);
    const [, header, document] = /^(.*)\n(.*)$/s.exec(readFileSync(path, 'utf8'));
    const changed = JSON.stringify({ ...JSON.parse(document), expires_at_ms: 1 });
    const bytes = Buffer.byteLength(changed);
    writeFileSync(path, `${JSON.stringify({ ...JSON.parse(header), bytes })}\n${changed}`);
  }
}

/** A program that runs. */
class Running {
  #child;
  #stdout = '';
  #stderr = '';
  #closed;

  constructor(child) {
    this.#child = child;
    this.#closed = once(child, 'close');
    child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#stdout += text.replaceAll('\r', '');
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text;
    });
  }

  /** Waits until `pattern` matches what a terminal shows, and returns the match. */
  async shows(pattern) {
    for (;;) {
      const match = pattern.exec(this.#stdout);
      if (match) return match;
      const ended = await Promise.race([
        once(this.#child.stdout, 'data').then(() => false),
        this.#closed,
      ]);
      if (ended && !pattern.test(this.#stdout)) {
        throw new Error(`${pattern} was not shown: ${this.#stdout}${this.#stderr}`);
      }
    }
  }

  types(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  async finish() {
    const [status] = await this.#closed;
    return { status, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** Plays the user in a browser, to the end of a login. Returns whether all went well. */
export async function visit(url) {
  const child = spawn(program('visitor'), [url], { stdio: 'ignore' });
  const [status] = await once(child, 'close');
  return status === 0;
}

// What the tests log in with: providers, a scripted person, folders, terminals.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { login } from '../src/index.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const programs = process.env.LATCHSTRING_BIN || join(root, 'target', 'debug');
const web = join(root, 'host', 'latch', 'tests', 'web');

/** Why the tests against a real provider cannot run; false where they can. */
export const noWeb =
  !existsSync(join(web, 'node_modules')) && 'the servers of host/latch/tests/web are not installed';

/** A program of this repository. */
export function program(name) {
  const path = join(programs, name);
  if (!existsSync(path)) throw new Error(`${path} is missing; build it, or set LATCHSTRING_BIN`);
  return path;
}

/** The small provider of this repository; its client is `demo`. */
export function demoProvider(t) {
  return serving(t, spawn(program('demo-provider'), [], { stdio: ['pipe', 'pipe', 'inherit'] }));
}

/** A stand-in of this repository for a provider with rules of its own. */
export function standIn(t, system, ...options) {
  return serving(
    t,
    spawn(program('standin'), [system, ...options], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
}

/** A certified provider; `log` tells what it was asked. */
export async function realProvider(t, ...lifetimes) {
  const words = [join(web, 'oidc-provider.mjs'), ...lifetimes.map(String)];
  const child = spawn(process.execPath, words, { cwd: web, stdio: ['pipe', 'pipe', 'ignore'] });
  const provider = await serving(t, child);
  const log = async () => (await fetch(`${provider.issuer}/__log`)).json();
  return { ...provider, log };
}

/** It serves until its standard input closes, so that it outlives no test. */
async function serving(t, child) {
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.stdin.end();
    await once(child, 'exit');
  };
  t.after(stop);
  return { issuer: line.replace(/^\w+ /, ''), stop };
}

/**
 * A port that no other test on this machine uses until this process ends: as `free_port`
 * in host/latch/tests/support/mod.rs, and kept apart from its users too.
 */
export async function freePort() {
  const folder = join(tmpdir(), `latchstring-tests-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  for (let turn = 0; turn < 10_000; turn += 1) {
    const port = 20_000 + ((process.pid + turn) % 10_000);
    const file = openSync(join(folder, String(port)), 'a+');
    // The lock belongs to the opened file, which stays open.
    if (isLocked(file) && (await isFree(port))) return port;
    closeSync(file);
  }
  throw new Error('no port is free');
}

/** Locks a file if nobody else has, and tells whether it did. */
function isLocked(file) {
  const words = ['-e', 'open(FILE, "+<&=3") && flock(FILE, 2 | 4) or exit 1'];
  const { status, error } = spawnSync('perl', words, {
    stdio: ['ignore', 'ignore', 'ignore', file],
  });
  if (error) throw error;
  return status === 0;
}

async function isFree(port) {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A folder for sessions, not made yet, and gone with the test. */
export function stateFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'latchstring-'));
  t.after(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'state');
}

/** Plays the person, to the end of a login. */
export async function visitor(url, ...words) {
  const child = spawn(program('visitor'), [...words, url], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = [];
  child.stderr.on('data', (text) => said.push(text));
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`the visitor failed: ${said.join('')}`);
}

/** A browser that the visitor looks into; `arrived` comes when it has its last page. */
export function visitorBrowser(...words) {
  const browser = (url) => {
    browser.arrived = visitor(url, ...words);
  };
  return browser;
}

/** A terminal that keeps what was said, and answers each question with `answer`. */
export function terminal(answer) {
  const said = [];
  return {
    isAttended: answer !== undefined,
    said,
    say: (text) => {
      said.push(text);
    },
    ask: (hidden, signal) => (answer ? answer(hidden, signal) : new Promise(() => {})),
    get text() {
      return said.join('\n');
    },
    get address() {
      return /^ {2}(http\S+)$/m.exec(this.text)?.[1];
    },
  };
}

/** A login that waits for its browser: the address to open, and the login's promise. */
export async function waitingLogin(t) {
  const { issuer } = await demoProvider(t);
  const person = terminal();
  let opened;
  const coming = new Promise((resolve) => {
    opened = resolve;
  });
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    { stateDir: stateFolder(t), browser: opened, terminal: person },
  );
  return { address: await coming, pending, person };
}

/** Waits until `condition()` holds, and returns what it returned. */
export async function until(condition) {
  for (;;) {
    const held = condition();
    if (held) return held;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** A request with headers that `fetch` does not let through. */
export function get(url, headers = {}, method = 'GET') {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      const body = [];
      response.on('data', (chunk) => body.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(body).toString(),
        }),
      );
    })
      .on('error', reject)
      .end();
  });
}

/** Runs a program to its end. */
export async function run(path, words, environment = {}) {
  const child = spawn(path, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: tmpdir(), ...environment },
  });
  const out = { stdout: '', stderr: '' };
  const running = {
    child,
    said: (words) =>
      new Promise((resolve) => {
        const look = () => {
          if (out.stderr.includes(words)) resolve();
        };
        child.stderr.on('data', look);
        look();
      }),
    done: once(child, 'close').then(([status]) => ({ status, ...out })),
  };
  child.stdout.on('data', (text) => {
    out.stdout += text;
  });
  child.stderr.on('data', (text) => {
    out.stderr += text;
  });
  return running;
}

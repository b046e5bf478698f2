// What the tests share: providers, the scripted user, folders, terminals.

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
export const web = join(root, 'host', 'latch', 'tests', 'web');

/** The reason why tests with the certified provider cannot run; false if they can. */
export const noWeb =
  !existsSync(join(web, 'node_modules')) && 'the servers of host/latch/tests/web are not installed';

/** Returns the path of a program of this repository. */
export function program(name) {
  const path = join(programs, name);
  if (!existsSync(path)) throw new Error(`${path} is missing; build it, or set LATCHSTRING_BIN`);
  return path;
}

/** Starts the provider of this repository. Its client is `demo`. */
export function demoProvider(t) {
  return serving(t, spawn(program('demo-provider'), [], { stdio: ['pipe', 'pipe', 'inherit'] }));
}

/** Starts a stand-in of this repository for a login system. */
export function standIn(t, system, ...options) {
  return serving(
    t,
    spawn(program('standin'), [system, ...options], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
}

/** Starts the certified provider. `log` returns the requests that it got. */
export async function realProvider(t, ...lifetimes) {
  const words = [join(web, 'oidc-provider.mjs'), ...lifetimes.map(String)];
  const child = spawn(process.execPath, words, { cwd: web, stdio: ['pipe', 'pipe', 'ignore'] });
  const provider = await serving(t, child);
  const log = async () => (await fetch(`${provider.issuer}/__log`)).json();
  return { ...provider, log };
}

/**
 * Waits until a provider serves. It ends when its standard input is closed, at the latest with
 * the test.
 */
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
 * Returns a port that no other test on this machine uses until this process ends. Shares its lock
 * files with `free_port` in host/latch/tests/support/mod.rs.
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

/** Locks a file if no other process has locked it. Returns whether it did. */
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

/** Returns the path of a folder for sessions. It does not exist yet; the test deletes it. */
export function stateFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'latchstring-'));
  t.after(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'state');
}

/** Plays the user in a browser, to the end of a login. */
export async function visitor(url, ...words) {
  const child = spawn(program('visitor'), [...words, url], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = [];
  child.stderr.on('data', (text) => said.push(text));
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`the visitor failed: ${said.join('')}`);
}

/** Returns a browser in which the visitor logs in. `arrived` resolves when it has its last page. */
export function visitorBrowser(...words) {
  const browser = (url) => {
    browser.arrived = visitor(url, ...words);
  };
  return browser;
}

/** Returns a terminal that keeps what was said, and answers each question with `answer`. */
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

/** Starts a login. Returns the address that its browser is to open, and the login's promise. */
export async function waitingLogin(t) {
  const { issuer } = await demoProvider(t);
  const screen = terminal();
  let opened;
  const coming = new Promise((resolve) => {
    opened = resolve;
  });
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    { stateDir: stateFolder(t), browser: opened, terminal: screen },
  );
  return { address: await coming, pending, screen };
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

/** Sends a request with headers that `fetch` does not send. */
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

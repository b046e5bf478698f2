// Whole sessions with providers on this machine.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

import { systemClock } from '../src/clock.js';
import { loadRules } from '../src/components.js';
import { send } from '../src/http.js';
import { adopt, LatchError, login, logout, token, tokenOrLogin } from '../src/index.js';
import { listen } from '../src/listener.js';
import {
  demoProvider,
  freePort,
  noWeb,
  program,
  realProvider,
  run,
  standIn,
  stateFolder,
  terminal,
  until,
  visitor,
  visitorBrowser,
} from './support.js';

const rules = await loadRules();

const scopes = ['openid', 'profile', 'offline_access'];

test('a browser logs in, and only the owner can read the session', async (t) => {
  const { issuer, stop } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'demo', scopes };
  const browser = visitorBrowser('--name', 'Grace Hopper');
  const first = await login(client, { stateDir, browser, terminal: terminal() });
  await browser.arrived;
  assert.equal(first.source, 'login');
  assert.equal(first.claims.name, 'Grace Hopper');
  assert.equal(first.headers.authorization, `Bearer ${first.accessToken}`);
  assert.equal(typeof first.expiresAtMs, 'number');

  assert.equal(statSync(stateDir).mode & 0o777, 0o700);
  const files = readdirSync(stateDir);
  assert.deepEqual(files.map((name) => name.replace(/^default\.[a-z0-9]+\./, '')).sort(), [
    'lock',
    'session',
  ]);
  for (const name of files) assert.equal(statSync(join(stateDir, name)).mode & 0o777, 0o600);

  // The provider is stopped, so the token can only be the stored one.
  await stop();
  const cached = await token(client, { stateDir });
  assert.equal(cached.source, 'cached');
  assert.equal(cached.accessToken, first.accessToken);
});

test('tokenOrLogin logs in only if it has to', async (t) => {
  const { issuer } = await demoProvider(t);
  const options = { stateDir: stateFolder(t), browser: visitorBrowser(), terminal: terminal() };
  const client = { issuer, clientId: 'demo', scopes };
  assert.equal((await tokenOrLogin(client, options)).source, 'login');
  assert.equal((await tokenOrLogin(client, options)).source, 'cached');
  await assert.rejects(tokenOrLogin({ ...client, clientId: '' }, options), {
    code: 'invalid-configuration',
  });
});

test("another program's tokens become a session", async (t) => {
  const { issuer } = await demoProvider(t);
  const options = { stateDir: stateFolder(t), browser: visitorBrowser(), terminal: terminal() };
  const client = { issuer, clientId: 'demo', scopes };
  const { accessToken, expiresAtMs } = await login(client, options);
  const elsewhere = { ...options, profile: 'elsewhere' };
  assert.equal(
    (await adopt(client, { accessToken, expiresAtMs }, elsewhere)).accessToken,
    accessToken,
  );
  const held = await token(client, elsewhere);
  assert.equal(held.source, 'cached');
  assert.equal(held.accessToken, accessToken);
});

test('the caller can replace every part', async (t) => {
  const { issuer } = await demoProvider(t);
  let kept;
  let aheadMs = 0;
  let drawn = 0;
  let listened = 0;
  const asked = [];
  const store = () => ({
    place: 'memory',
    read: async () => kept,
    write: async (bytes) => {
      kept = bytes;
    },
    delete: async () => {
      kept = undefined;
    },
    probe: async () => {},
    lock: async () => ({ release: async () => {} }),
  });
  const options = {
    store,
    send: (request, permit) => {
      asked.push(request.url);
      return send(request, permit);
    },
    clock: { ...systemClock, nowMs: () => Date.now() + aheadMs },
    entropy: () => {
      drawn += 1;
      return randomBytes(64);
    },
    listen: (redirect) => {
      listened += 1;
      return listen(rules, redirect);
    },
    browser: visitorBrowser(),
    terminal: terminal(),
  };
  const client = { issuer, clientId: 'demo', scopes: ['offline_access'] };
  assert.equal((await login(client, options)).source, 'login');
  assert.equal(listened, 1);
  // Once for the session, and once to bind it to the browser.
  assert.equal(drawn, 2);
  assert(asked.length > 1 && asked.every((url) => url.startsWith(issuer)), asked.join());
  assert.equal((await token(client, options)).source, 'cached');
  aheadMs = 24 * 3_600_000;
  assert.equal((await token(client, options)).source, 'renewed');
  assert.equal((await logout(client, options)).wasLoggedIn, true);
  assert.equal(kept, undefined);
});

test('a misspelt setting is named', async (t) => {
  const misspelt = { issuer: 'https://id.example', clientId: 'demo', scope: ['openid'] };
  await assert.rejects(token(misspelt, { stateDir: stateFolder(t) }), {
    code: 'invalid-configuration',
    message: 'the client has an unknown setting, scope',
    remedy: /scopes/,
  });
});

test('a printed token shows no secret', async (t) => {
  const { issuer } = await demoProvider(t);
  const browser = visitorBrowser();
  const held = await login(
    { issuer, clientId: 'demo', scopes },
    { stateDir: stateFolder(t), browser, terminal: terminal() },
  );
  for (const text of [
    inspect(held, { depth: 9, showHidden: true }),
    JSON.stringify(held),
    String(held),
  ]) {
    assert(!text.includes(held.accessToken), text);
    assert(!text.includes(held.idToken), text);
  }
});

test('a user who refuses ends the login', async (t) => {
  const { issuer } = await demoProvider(t);
  const browser = visitorBrowser('--refuse');
  const refused = login(
    { issuer, clientId: 'demo', scopes },
    { stateDir: stateFolder(t), browser, terminal: terminal() },
  );
  await assert.rejects(refused, (error) => {
    assert(error instanceof LatchError);
    assert.equal(error.code, 'access-denied');
    assert.equal(error.provider.error, 'access_denied');
    return true;
  });
  await browser.arrived;
});

test('a login ends if no browser comes, or if the program is interrupted', async (t) => {
  const { issuer } = await demoProvider(t);
  const client = { issuer, clientId: 'demo', scopes };
  const options = { stateDir: stateFolder(t), browser: () => {}, terminal: terminal() };
  await assert.rejects(login(client, { ...options, patienceMs: 200 }), { code: 'timed-out' });
  const signal = AbortSignal.timeout(200);
  await assert.rejects(login(client, { ...options, signal }), { code: 'interrupted' });
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} during a refresh ends the program once its session is saved`, async (t) => {
    const { issuer } = await demoProvider(t);
    const stateDir = stateFolder(t);
    const client = { issuer, clientId: 'demo', scopes };
    const first = await login(client, {
      stateDir,
      browser: visitorBrowser(),
      terminal: terminal(),
    });
    const script = fileURLToPath(new URL('interrupted.js', import.meta.url));
    const child = spawn(process.execPath, [script, JSON.stringify({ client, stateDir, signal })]);
    assert.deepEqual(await once(child, 'exit'), [null, signal]);
    const kept = await token(client, { stateDir });
    assert.equal(kept.source, 'cached');
    assert.notEqual(kept.accessToken, first.accessToken);
    assert.equal((await token(client, { stateDir, forceRefresh: true })).source, 'renewed');
  });
}

test('the command line escapes text from a provider', async (t) => {
  const { issuer } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const script = join(stateDir, '..', 'browser.sh');
  writeFileSync(script, `exec '${program('visitor')}' --name 'Ada \u009b31m\u202eLovelace' "$1"`);
  const words = [
    fileURLToPath(new URL('../cli.mjs', import.meta.url)),
    'login',
    issuer,
    'demo',
    'openid',
    'profile',
  ];
  const { done } = await run(process.execPath, words, {
    LATCH_STATE_DIR: stateDir,
    LATCH_BROWSER: `sh ${script}`,
  });
  const { status, stderr } = await done;
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Logged in as Ada \\u\{9b\}31m\\u\{202e\}Lovelace/);
});

test('a session is refreshed, and ended', async (t) => {
  const { issuer } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'demo', scopes };
  await assert.rejects(token(client, { stateDir }), { code: 'login-required' });
  const first = await login(client, { stateDir, browser: visitorBrowser(), terminal: terminal() });
  const second = await token(client, { stateDir, forceRefresh: true });
  assert.equal(second.source, 'renewed');
  assert.notEqual(second.accessToken, first.accessToken);
  assert.equal((await token(client, { stateDir })).accessToken, second.accessToken);
  // No token of this provider is valid for that long.
  const third = await token(client, { stateDir, minTtlMs: 3_700_000 });
  assert.equal(third.source, 'cached');
  assert.match(third.notices[0], /3700 s were requested/);
  assert.equal((await logout(client, { stateDir })).wasLoggedIn, true);
  assert.deepEqual(
    readdirSync(stateDir).filter((name) => name.endsWith('.session')),
    [],
  );
  await assert.rejects(token(client, { stateDir }), { code: 'login-required' });
  assert.equal((await logout(client, { stateDir })).wasLoggedIn, false);
});

test('if the port is taken, the user pastes the address that the browser ends on', async (t) => {
  const { issuer } = await demoProvider(t);
  // Stands for the page on which a browser of another machine ends.
  const elsewhere = createServer((request, response) => {
    response.end('nothing here');
    arrive(`http://127.0.0.1:${port}${request.url}`);
  });
  let arrive;
  const arrived = new Promise((resolve) => {
    arrive = resolve;
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  t.after(() => elsewhere.close());
  const { port } = elsewhere.address();
  const answers = ['http://127.0.0.1/callback?code=stolen&state=other'];
  const screen = terminal(async (hidden) => {
    assert.equal(hidden, true);
    if (answers.length > 0) return answers.pop();
    await visitor(screen.address);
    return arrived;
  });
  const held = await login(
    { issuer, clientId: 'demo', scopes },
    { stateDir: stateFolder(t), redirect: { ports: [port] }, browser: false, terminal: screen },
  );
  assert.equal(held.source, 'login');
  assert.match(screen.text, /port \d+ is in use/);
  assert.match(screen.text, /That does not finish the login/);
});

test('the browser may finish a login while the user is asked to paste', async (t) => {
  const { issuer } = await demoProvider(t);
  let given;
  const screen = terminal((_, signal) => {
    given = signal;
    return new Promise(() => {});
  });
  const pending = login(
    { issuer, clientId: 'demo', scopes },
    { stateDir: stateFolder(t), flow: 'paste', browser: false, terminal: screen },
  );
  await visitor(await until(() => screen.address));
  assert.equal((await pending).source, 'login');
  assert.equal(given.aborted, true, 'the question was withdrawn');
});

test('a taken port without a user at the terminal is an error', async (t) => {
  const { issuer } = await demoProvider(t);
  const port = Number(new URL(issuer).port);
  const options = { stateDir: stateFolder(t), redirect: { ports: [port] }, terminal: terminal() };
  await assert.rejects(login({ issuer, clientId: 'demo' }, options), { code: 'port-in-use' });
});

test('a certified provider logs in, refreshes and revokes', { skip: noWeb }, async (t) => {
  const { issuer, log } = await realProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'public', scopes };
  const browser = visitorBrowser('--name', 'grace');
  const first = await login(client, { stateDir, browser, terminal: terminal() });
  await browser.arrived;
  assert.equal(first.claims.sub, 'grace');
  const asked = (await log()).length;
  assert.equal((await token(client, { stateDir })).source, 'cached');
  assert.equal((await log()).length, asked, 'a stored token needs no request');
  assert.equal((await token(client, { stateDir, forceRefresh: true })).source, 'renewed');
  const { revoked } = await logout(client, { stateDir });
  assert.deepEqual([...revoked].sort(), ['access-token', 'refresh-token']);
});

test('a code is entered on another device', { skip: noWeb }, async (t) => {
  const { issuer } = await realProvider(t);
  const screen = terminal();
  const pending = login(
    { issuer, clientId: 'device', scopes },
    { stateDir: stateFolder(t), flow: 'device', terminal: screen },
  );
  const code = await until(() => /enter this code:\n\n {4}(\S+)/.exec(screen.text)?.[1]);
  await visitor(`${screen.address}?user_code=${code}`);
  assert.equal((await pending).source, 'login');
});

test('after an attempt that failed, the user chooses how to go on', async (t) => {
  const { issuer } = await demoProvider(t);
  const answers = ['nonsense', ''];
  const opened = [];
  const screen = terminal(async (hidden) => (hidden ? new Promise(() => {}) : answers.shift()));
  // The time limit of the first attempt passes at once, that of the second never.
  let tries = 0;
  const sleep = async (ms, signal) => {
    if (ms < 60_000) return systemClock.sleep(ms, signal);
    tries += 1;
    return tries === 1 ? until(() => opened.length === 1) : systemClock.sleep(ms, signal);
  };
  const browser = (url) => {
    opened.push(url);
    if (opened.length === 2) browser.arrived = visitor(url);
  };
  const clock = { ...systemClock, sleep };
  const options = { stateDir: stateFolder(t), browser, terminal: screen, clock };
  assert.equal((await login({ issuer, clientId: 'demo', scopes }, options)).source, 'login');
  await browser.arrived;
  assert.deepEqual(answers, []);
  assert.equal(screen.text.match(/Press Enter to use the browser/g).length, 2);
});

test('a provider whose page does not redirect back is polled', async (t) => {
  const { issuer: url } = await standIn(t, 'hexclave');
  const client = {
    issuer: url,
    discover: false,
    clientId: 'demo-project',
    protocol: { tag: 'hexclave', val: { appUrl: url, headers: 'hexclave' } },
  };
  const stateDir = stateFolder(t);
  const browser = visitorBrowser();
  const held = await login(client, { stateDir, browser, terminal: terminal() });
  await browser.arrived;
  assert.equal(held.source, 'login');
  assert.equal((await token(client, { stateDir, forceRefresh: true })).source, 'renewed');
});

test('a login that the provider refuses because of a default parameter goes on in the same tab', async (t) => {
  const port = await freePort();
  const { issuer } = await standIn(
    t,
    'fief',
    '--redirect-uri',
    `http://localhost:${port}/callback`,
  );
  const client = {
    issuer,
    httpsIssuer: true,
    clientId: 'cli-app',
    scopes: ['openid', 'offline_access'],
  };
  const browser = visitorBrowser();
  const said = terminal();
  const redirect = { host: 'localhost', ports: [port] };
  const held = await login(client, { stateDir: stateFolder(t), browser, terminal: said, redirect });
  await browser.arrived;
  assert.deepEqual(held.refusedParameters, ['prompt']);
  assert.match(said.text, /refused the login \(login_required/);
});

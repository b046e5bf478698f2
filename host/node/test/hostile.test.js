// Requests to the listener that are not the redirect of this login.

import assert from 'node:assert/strict';
import { connect, Server } from 'node:net';
import test from 'node:test';

import { completeClient } from '../src/client.js';
import { loadRules } from '../src/components.js';
import { Egress } from '../src/egress.js';
import { login } from '../src/index.js';
import { listen } from '../src/listener.js';
import { User } from '../src/user.js';
import {
  demoProvider,
  get,
  stateFolder,
  terminal,
  until,
  visitor,
  waitingLogin,
} from './support.js';

const rules = await loadRules();
const well = { status: 200, html: 'well', policy: "default-src 'none'" };

test('hostile requests are answered, and the login goes on waiting', async (t) => {
  const { address, pending, screen } = await waitingLogin(t);
  const { origin } = new URL(address);
  const callback = `${origin}/callback?code=stolen&state=other`;
  const { host } = new URL(origin);

  const rows = [
    [`${origin}/favicon.ico`, {}, 'GET', 404],
    [`${origin}/callback`, {}, 'GET', 400],
    [`${origin}/callback/?code=a`, {}, 'GET', 404],
    [callback, {}, 'POST', 405],
    [callback, {}, 'OPTIONS', 405],
    [callback, {}, 'HEAD', 405],
    [callback, { host: 'evil.example' }, 'GET', 421],
    [callback, { host: `${host}.evil.example` }, 'GET', 421],
    [callback, { 'sec-purpose': 'prefetch;prerender' }, 'GET', 503],
    [callback, { 'x-moz': 'prefetch' }, 'GET', 503],
    [callback, { 'content-length': '3' }, 'GET', 400],
    // Another browser: with the redirect of another login, and with a guessed cookie.
    [callback, {}, 'GET', 403],
    [callback, { cookie: 'latchstring-0=guess' }, 'GET', 403],
    [`${origin}/latchstring/start?ticket=guess`, {}, 'GET', 410],
  ];
  for (const [url, headers, method, status] of rows) {
    assert.equal(
      (await get(url, headers, method)).status,
      status,
      `${method} ${url} ${JSON.stringify(headers)}`,
    );
  }

  // This user's browser, but with the redirect of another login: a forged state.
  const begun = await get(await until(() => screen.address));
  assert.equal(begun.status, 303);
  const [cookie] = begun.headers['set-cookie'][0].split(';');
  const forged = await get(callback, { cookie });
  assert.equal(forged.status, 400);
  assert.match(forged.body, /still waiting/);
  assert.match(
    forged.headers['content-security-policy'],
    /^default-src 'none'; .*frame-ancestors 'none'/,
  );
  assert.equal(forged.headers['referrer-policy'], 'no-referrer');
  assert.equal(forged.headers['x-content-type-options'], 'nosniff');
  assert.equal(forged.headers['cache-control'], 'no-store');

  await visitor(address);
  assert.equal((await pending).source, 'login');
  await assert.rejects(get(callback), 'the port is free again');
});

test('an address that is opened twice does not count, and a new one does', async (t) => {
  const { issuer } = await demoProvider(t);
  let press;
  const pressed = new Promise((resolve) => {
    press = resolve;
  });
  // The question for a pasted address also takes Enter.
  const answers = [pressed];
  const screen = terminal((hidden) => (hidden && answers.shift()) || new Promise(() => {}));
  const opened = [];
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    {
      stateDir: stateFolder(t),
      browser: (url) => {
        opened.push(url);
      },
      terminal: screen,
    },
  );
  await until(() => opened.length === 1);
  const first = await get(opened[0]);
  assert.equal((await get(opened[0])).status, 410);
  assert.match(screen.text, /opened twice/);
  const [cookie] = first.headers['set-cookie'][0].split(';');
  // The first browser gets the same answer if it reloads with its cookie.
  assert.equal((await get(opened[0], { cookie })).status, 410);
  const { origin } = new URL(opened[0]);
  assert.equal((await get(`${origin}/callback?code=a&state=b`, { cookie })).status, 403);
  press('');
  await until(() => opened.length === 2);
  await visitor(opened[1]);
  assert.equal((await pending).source, 'login');
});

/** Starts a login and opens its address twice. The terminal keeps its questions. */
async function takenLogin(t) {
  const { issuer } = await demoProvider(t);
  const questions = [];
  const screen = terminal(
    (hidden, signal) =>
      new Promise((answer) => {
        questions.push({ hidden, signal, answer });
      }),
  );
  const opened = [];
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    {
      stateDir: stateFolder(t),
      browser: (url) => {
        opened.push(url);
      },
      terminal: screen,
    },
  );
  await until(() => opened.length === 1);
  assert.equal((await get(opened[0])).status, 303);
  assert.equal((await get(opened[0])).status, 410);
  await until(() => questions.length === 1);
  const { origin } = new URL(opened[0]);
  return { pending, screen, questions, opened, callback: `${origin}/callback?code=a&state=b` };
}

/** Returns of each question whether it is hidden, and whether it was withdrawn. */
function asked(questions) {
  return questions.map(({ hidden, signal }) => [hidden, signal.aborted]);
}

test('one question at a time has the keyboard, and an empty paste is Enter', async (t) => {
  const { pending, questions, opened, callback } = await takenLogin(t);
  assert.equal((await get(callback)).status, 403);
  await until(() => questions.length === 2);
  assert.deepEqual(asked(questions), [
    [false, true],
    [true, false],
  ]);
  questions[1].answer('');
  await until(() => opened.length === 2);
  await visitor(opened[1]);
  assert.equal((await pending).source, 'login');
});

test('a new address is offered until it was opened', async (t) => {
  const { pending, screen, questions, opened, callback } = await takenLogin(t);
  const begun = await get(screen.address);
  const [cookie] = begun.headers['set-cookie'][0].split(';');
  // Not the redirect of this login, which goes on waiting.
  assert.equal((await get(callback, { cookie })).status, 400);
  await until(() => questions.length === 2);
  assert.deepEqual(asked(questions), [
    [false, true],
    [false, false],
  ]);
  questions[1].answer('');
  await until(() => opened.length === 2);
  await visitor(opened[1]);
  assert.equal((await pending).source, 'login');
});

test('the last page has an address without a code', async (t) => {
  const { address, pending } = await waitingLogin(t);
  const begun = await get(address);
  const [cookie] = begun.headers['set-cookie'][0].split(';');
  const form = await fetch(begun.headers.location);
  const hidden = [...(await form.text()).matchAll(/name="([^"]+)"(?:[^>]* value="([^"]*)")?/g)];
  const body = new URLSearchParams(hidden.map(([, name, value]) => [name, value || 'Ada']));
  const answer = await fetch(form.url, { method: 'POST', body, redirect: 'manual' });
  const back = await get(answer.headers.get('location'), { cookie });
  assert.equal(back.status, 303);
  assert.equal(back.headers.location, '/latchstring/end?done');
  assert.match(back.headers['set-cookie'][0], /Max-Age=0/);
  const page = await get(new URL(back.headers.location, address).href);
  assert.equal(page.status, 200);
  assert.match(page.body, /You are logged in/);
  await pending;
});

test('silent and broken connections do not keep the browser out', async (t) => {
  const listener = await listen(rules, { host: '127.0.0.1', ports: [], path: '/callback' });
  t.after(() => listener.close());
  const { port } = new URL(listener.redirectUri);
  const silent = [];
  for (let number = 0; number < 200; number += 1) {
    silent.push(connect(Number(port), '127.0.0.1').on('error', () => {}));
  }
  t.after(() => {
    for (const socket of silent) socket.destroy();
  });
  silent[0].write('\x16\x03\x01 no HTTP\r\n\r\n');
  silent[1].write(`GET /callback?${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`);
  const answer = get(`${listener.redirectUri}?code=a`);
  await listener.arrival();
  const visit = listener.take();
  assert.equal(visit.target, '/callback?code=a');
  await visit.answer(well);
  assert.equal((await answer).body, 'well');
});

test('if all connections wait for a page, the newest waits until there is room', async (t) => {
  const listener = await listen(rules, { host: '127.0.0.1', ports: [], path: '/callback' });
  t.after(() => listener.close());
  const answers = [];
  for (let number = 0; number < 70; number += 1) {
    answers.push(get(`${listener.redirectUri}?code=${number}`));
  }
  const seen = new Set();
  while (seen.size < answers.length) {
    await listener.arrival();
    const visit = listener.take();
    seen.add(visit.target);
    await visit.answer(well);
  }
  for (const answer of answers) assert.equal((await answer).body, 'well');
});

test('redirect paths below /latchstring/ are refused', async (t) => {
  for (const path of ['/latchstring/start', '/latchstring/startle', '/latchstring/']) {
    await assert.rejects(listen(rules, { host: '127.0.0.1', ports: [], path }), {
      code: 'invalid-configuration',
    });
  }
  const listener = await listen(rules, { host: '127.0.0.1', ports: [], path: '/latchstrings' });
  t.after(() => listener.close());
});

/** A clock on which no wait ends. */
const frozen = {
  nowMs: () => Date.now(),
  sleep: (_, signal) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
};

/** Returns a visit, its answers, and a function that closes its connection. */
function visited(target, keepsConnection) {
  const answered = [];
  let close;
  const gone = new Promise((resolve) => {
    close = resolve;
  });
  const visit = {
    target,
    cookies: '',
    answer: async (page) => {
      answered.push(page);
    },
    gone: keepsConnection ? gone : undefined,
  };
  return { visit, answered, close };
}

/** Returns the user of a login to whom the redirect came, and then `others`. */
async function answered(visit, others = []) {
  const visits = [visit, ...others];
  const client = completeClient({ issuer: 'https://id.example', clientId: 'a' });
  const user = new User({
    rules,
    egress: new Egress(rules, client, { redirectUri }),
    clock: frozen,
    seed: new Uint8Array(32),
    terminal: terminal(),
    listener: {
      redirectUri,
      arrival: () => (visits.length > 0 ? Promise.resolve() : new Promise(() => {})),
      take: () => visits.shift(),
      close: async () => {},
    },
  });
  assert.equal((await user.perform({ tag: 'authorize', val: wait })).tag, 'redirected');
  return user;
}

const redirectUri = 'http://127.0.0.1:1/callback';
const asks = `redirect_uri=${encodeURIComponent(redirectUri)}`;
const wait = { url: `https://id.example/?${asks}`, flow: 'browser', waitMs: 1n, alternatives: [] };

test('a browser that came back is not redirected to an address that may not be opened', async () => {
  for (const url of [
    `http://id.example/?${asks}`,
    'file:///etc/passwd',
    '/\r\nset-cookie: a=b',
    `https://evil.example/?${asks}`,
    'https://id.example/2',
  ]) {
    const { visit, answered: told } = visited('/callback?code=a', true);
    const user = await answered(visit);
    await assert.rejects(user.perform({ tag: 'authorize', val: { ...wait, url } }), {
      code: 'egress-denied',
    });
    assert.deepEqual(told, []);
  }
  const { visit, answered: told } = visited('/callback?code=a', true);
  const user = await answered(visit, [visited('/callback?code=b', true).visit]);
  const url = `https://id.example/a\r\nset-cookie: a=b?${asks}`;
  assert.equal((await user.perform({ tag: 'authorize', val: { ...wait, url } })).tag, 'redirected');
  assert.deepEqual(
    told.map(({ location }) => location),
    [`https://id.example/aset-cookie:%20a=b?${asks}`],
  );
});

test('a login does not wait for a browser that closes its connection before the last page', async () => {
  const { visit, answered: told, close } = visited('/callback?code=a', true);
  const user = await answered(visit);
  close();
  await user.close();
  assert.deepEqual(
    told.map(({ status }) => status),
    [303],
  );
});

test('the last page ends a login, and a request of another user does not', async () => {
  const { visit, answered: told } = visited('/callback?code=a', false);
  const stranger = visited('/latchstring/end?done', false);
  stranger.visit.peer = 'other-user';
  const last = visited('/latchstring/end?done', false);
  const user = await answered(visit, [stranger.visit, last.visit]);
  await user.close();
  assert.deepEqual(
    [told, stranger.answered, last.answered].map(([{ status }]) => status),
    [303, 403, 200],
  );
});

test('a flood of requests does not hold off the time limit', async () => {
  const user = new User({
    rules,
    egress: new Egress(rules, completeClient({ issuer: 'https://id.example', clientId: 'a' }), {
      redirectUri,
    }),
    clock: { ...frozen, sleep: async () => {} },
    seed: new Uint8Array(32),
    browser: () => {},
    terminal: terminal(),
    listener: {
      redirectUri,
      arrival: async () => {},
      take: () => visited('/callback?code=a', false).visit,
      close: async () => {},
    },
  });
  assert.equal((await user.perform({ tag: 'authorize', val: wait })).tag, 'timed-out');
});

test('the redirect to the last page keeps the connection open, and its end is noticed', async (t) => {
  const listener = await listen(rules, { host: '127.0.0.1', ports: [], path: '/callback' });
  t.after(() => listener.close());
  const { port, host } = new URL(listener.redirectUri);
  const socket = connect(Number(port), '127.0.0.1');
  let said = '';
  socket.on('data', (text) => {
    said += text;
  });
  const ask = (target) => socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  ask('/callback?code=a');
  await listener.arrival();
  const first = listener.take();
  await first.answer({ ...well, status: 303, location: rules.endAddress() });
  ask('/latchstring/end?done');
  await listener.arrival();
  const last = listener.take();
  assert.equal(last.target, '/latchstring/end?done');
  await last.answer(well);
  await first.gone;
  assert.match(
    said,
    /HTTP\/1\.1 303 .*connection: keep-alive.*HTTP\/1\.1 200 .*connection: close.*well$/is,
  );
});

test('a connection without a request is closed after some seconds', async (t) => {
  const listener = await listen(rules, { host: '127.0.0.1', ports: [], path: '/callback' });
  t.after(() => listener.close());
  const socket = connect(Number(new URL(listener.redirectUri).port), '127.0.0.1').resume();
  // Never comes if the connection stays open.
  await new Promise((resolve) => {
    socket.on('close', resolve);
  });
});

test('localhost is answered in both address families, under each of its names', async (t) => {
  const listener = await listen(rules, { host: 'localhost', ports: [], path: '/callback' });
  t.after(() => listener.close());
  const { port } = new URL(listener.redirectUri);
  assert.match(listener.redirectUri, /^http:\/\/localhost:\d+\/callback$/);
  for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
    const answer = get(`http://${host}:${port}/callback?a`).catch((error) => error.code);
    const came = await Promise.race([listener.arrival().then(() => true), answer]);
    if (came !== true) continue;
    await listener.take().answer(well);
    assert.equal((await answer).status, 200);
  }
});

for (const [missing, host] of [
  ['127.0.0.1', '[::1]'],
  ['::1', '127.0.0.1'],
]) {
  test(`localhost is answered on a machine without ${missing}`, async (t) => {
    const { listen: original } = Server.prototype;
    t.mock.method(Server.prototype, 'listen', function refused(options, ...more) {
      if (options.host !== missing) return original.call(this, options, ...more);
      const error = Object.assign(new Error(), { code: 'EADDRNOTAVAIL' });
      process.nextTick(() => this.emit('error', error));
      return this;
    });
    const listener = await listen(rules, { host: 'localhost', ports: [], path: '/callback' });
    t.after(() => listener.close());
    const answer = get(`http://${host}:${new URL(listener.redirectUri).port}/callback?a`);
    await listener.arrival();
    await listener.take().answer(well);
    assert.equal((await answer).status, 200);
  });
}

test('localhost is not bound if another program has its port in one family', async (t) => {
  for (const host of ['127.0.0.1', '[::1]']) {
    const other = await listen(rules, { host, ports: [], path: '/callback' });
    t.after(() => other.close());
    const ports = [Number(new URL(other.redirectUri).port)];
    await assert.rejects(listen(rules, { host: 'localhost', ports, path: '/callback' }), {
      code: 'port-in-use',
      message: /port \d+ is in use$/,
    });
  }
});

test('a login ends with an error if the rules component stops at a request', async (t) => {
  const { issuer } = await demoProvider(t);
  const judge = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const stopping = { ...rules, Listener: { bind: () => ({ judge }) } };
  let opened;
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    {
      stateDir: stateFolder(t),
      browser: (url) => {
        opened = url;
        get(url).catch(() => {});
      },
      listen: (redirect) => listen(stopping, redirect),
      terminal: terminal(),
    },
  );
  await assert.rejects(pending, {
    code: 'host-fault',
    message: 'the rules component stopped',
  });
  await assert.rejects(get(opened), { code: 'ECONNREFUSED' }, 'the port is free again');
});

test('a login frees its port even if its last page cannot be made', async (t) => {
  const { issuer } = await demoProvider(t);
  let closed = 0;
  const options = {
    stateDir: stateFolder(t),
    browser: () => {},
    listen: async () => ({
      redirectUri,
      arrival: async () => {},
      take: () => {
        throw new Error('no request');
      },
      close: async () => {
        closed += 1;
      },
    }),
    terminal: terminal(),
  };
  await assert.rejects(login({ issuer, clientId: 'demo', scopes: ['openid'] }, options), {
    code: 'host-fault',
    message: 'this host failed: no request',
  });
  assert.equal(closed, 1);
});

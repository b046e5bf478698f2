// Where requests may go, and the limits of a response.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as dns from 'node:dns';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';

import { completeClient } from '../src/client.js';
import { loadRules } from '../src/components.js';
import { Denied, Egress } from '../src/egress.js';
import { send } from '../src/http.js';
import { LatchError, login, token } from '../src/index.js';
import { get, stateFolder, terminal } from './support.js';

const rules = await loadRules();
const client = (issuer, more) => completeClient({ issuer, clientId: 'a', ...more });
const metadata = (document) => ({
  status: 200,
  headers: [],
  body: new TextEncoder().encode(JSON.stringify(document)),
});
const any = { reaches: async () => true };
const publicOnly = { reaches: async (address) => rules.isPublic(address) };
const request = (url, more) => ({ method: 'get', url, headers: [], ...more });

async function serving(t, answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

const noOpenssl =
  spawnSync('openssl', ['version']).error !== undefined && 'openssl makes the certificate';
test('certificates are checked whatever the environment says', { skip: noOpenssl }, async (t) => {
  const folder = join(stateFolder(t), '..');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const words = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-keyout',
    key,
    '-out',
    cert,
  ];
  assert.equal(spawnSync('openssl', words).status, 0);
  const server = createHttpsServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (_, response) => response.end('ok'),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  const reply = await send(request(`https://127.0.0.1:${server.address().port}/`), any);
  assert.equal(reply.val.tag, 'unreachable');
  assert.match(reply.val.val.reason, /certificate is not trusted/);
});

test('requests go only to the issuer, to given endpoints and to those of the metadata', async () => {
  const issuer = 'https://id.example';
  const endpoints = { token: 'https://given.example/t', endSession: 'https://end.example/' };
  const egress = new Egress(rules, client(issuer, { endpoints }), {
    pinned: ['https://stored.example'],
  });
  const allowed = (url) => {
    try {
      egress.permit(request(url));
      return true;
    } catch (error) {
      return !(error instanceof Denied);
    }
  };
  for (const url of [
    'https://id.example/token',
    'https://given.example/other',
    'https://stored.example/',
  ]) {
    assert.equal(allowed(url), true, url);
  }
  for (const url of [
    'https://evil.example/',
    'https://end.example/',
    'no URL',
    'http://127.0.0.1/',
  ]) {
    assert.equal(allowed(url), false, url);
  }
  assert.equal(
    egress.policy.permitPage('https://end.example/'),
    'https://end.example/',
    'a browser may go there',
  );
  const named = metadata({ issuer, token_endpoint: 'https://api.example/t' });
  egress.learn('token', 'https://id.example/.well-known/openid-configuration', named);
  assert.equal(allowed('https://api.example/t'), false, 'not metadata');
  egress.learn('metadata', 'https://id.example/.well-known/openid-configuration', named);
  assert.equal(allowed('https://api.example/t'), true);
  assert.deepEqual(egress.policy.pinnedOrigins(), [
    'https://api.example',
    'https://stored.example',
  ]);
  for (const [name, value] of [
    ['host', 'secret'],
    ['Cookie', 'secret'],
    ['Proxy-Connection', 'secret'],
    ['transfer-encoding', 'secret'],
    ['b\nad', 'secret'],
    ['a', 'secret\n'],
  ]) {
    const headers = [{ name, value }];
    assert.throws(
      () => egress.permit(request(issuer, { headers })),
      (error) => error instanceof Denied && !/secret/.test(error),
      name,
    );
  }
});

test('a page that the provider names for a code may be opened', () => {
  const egress = new Egress(rules, client('https://id.example'));
  assert.throws(() => egress.policy.permitPage('https://verify.example/'), {
    code: 'egress-denied',
  });
  egress.learn(
    'device-authorization',
    'https://id.example/device',
    metadata({ verification_uri: 'https://verify.example/' }),
  );
  assert.equal(egress.policy.permitPage('https://verify.example/'), 'https://verify.example/');
});

test("a request goes to a private address only if the caller named it or all of the issuer's are private", async () => {
  const named = new Egress(rules, client('https://10.0.0.1'), { pinned: ['https://api.example'] });
  assert.equal(await named.permit(request('https://10.0.0.1/token')).reaches('10.0.0.1'), true);
  assert.equal(await named.permit(request('https://api.example/')).reaches('10.0.0.1'), true);
  const pinned = new Egress(rules, client('https://1.1.1.1'), { pinned: ['https://10.0.0.1'] });
  assert.equal(await pinned.permit(request('https://10.0.0.1/')).reaches('10.0.0.1'), false);
  for (const [addresses, expected] of [
    [['10.0.0.1'], true],
    [['fe80::1%eth0'], true],
    [['10.0.0.1', '1.1.1.1'], false],
    [['1.1.1.1', '10.0.0.1'], false],
    [[], false],
  ]) {
    let lookedUp = 0;
    const resolve = async () => {
      lookedUp += 1;
      return addresses.map((address) => ({ address }));
    };
    const egress = new Egress(rules, client('https://id.example'), {
      pinned: ['https://api.example'],
      resolve,
    });
    const permit = egress.permit(request('https://api.example/'));
    assert.equal(await permit.reaches('1.1.1.1'), true);
    assert.equal(lookedUp, 0, 'a public address needs no look-up');
    assert.equal(await permit.reaches('10.0.0.1'), expected, String(addresses));
    assert.equal(
      await egress.permit(request('https://api.example/')).reaches('10.0.0.1'),
      expected,
    );
    assert.equal(lookedUp, 1);
  }
  for (const url of [
    'https://10.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'http://127.0.0.1:1/',
  ]) {
    assert.equal((await send(request(url), publicOnly)).val.tag, 'denied', url);
  }
});

test("a resolver that never answers does not exceed the request's time limit", async (t) => {
  let timeout = new AbortController();
  t.mock.method(AbortSignal, 'timeout', () => timeout.signal);
  for (const url of ['https://10.0.0.1/', 'http://localhost:1/']) {
    timeout = new AbortController();
    const issuer = client('https://id.example');
    const resolve = () => new Promise(() => timeout.abort());
    const egress = new Egress(rules, issuer, { pinned: [new URL(url).origin], resolve });
    const reply = await send(request(url), egress.permit(request(url)), 1_500);
    assert.equal(reply.val.tag, 'unreachable', url);
    assert.match(reply.val.val.reason, /timed out after 1\.5 s$/);
    assert.equal(reply.val.val.sent, false);
  }
});

test('a name with a private address is not connected to', async (t) => {
  const url = (await serving(t, (_, response) => response.end())).replace('127.0.0.1', 'localhost');
  const reply = await send(request(url), publicOnly);
  assert.equal(reply.val.tag, 'denied');
  assert.match(reply.val.val, /not a public address/);
});

test('a name is looked up once, and the request goes to the address that was checked', async (t) => {
  const url = await serving(t, (_, response) => response.end('here'));
  const checked = [];
  const found = t.mock.method(dns.promises, 'lookup', async () => [
    { address: '127.0.0.1', family: 4 },
  ]);
  syncBuiltinESMExports();
  t.after(() => {
    found.mock.restore();
    syncBuiltinESMExports();
  });
  const reaches = async (address) => checked.push(address) > 0;
  const reply = await send(request(url.replace('127.0.0.1', 'id.example')), { reaches });
  assert.equal(reply.val.body.toString(), 'here');
  assert.deepEqual(checked, ['127.0.0.1']);
  assert.equal(found.mock.callCount(), 1);
});

test('no redirect is followed, and no body is read past its limit', async (t) => {
  const url = await serving(t, (asked, response) => {
    if (asked.url === '/away')
      return response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    if (asked.url === '/break?secret') return response.destroy();
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    return more();
  });
  const sent = (to, more) => send(request(to, more), any);
  assert.equal((await sent(`${url}/away`)).val.status, 302);
  assert.deepEqual(await sent(`${url}/endless`), {
    tag: 'err',
    val: { tag: 'too-large', val: 1_048_576n },
  });
  const broken = await sent(`${url}/break?secret`);
  assert.equal(broken.val.val.sent, true);
  const nobody = await sent('http://127.0.0.1:1/?secret');
  const unreachable = { reason: 'cannot reach 127.0.0.1:1: connection refused', sent: false };
  assert.deepEqual(nobody, { tag: 'err', val: { tag: 'unreachable', val: unreachable } });
});

test('a poll takes no longer than the time that the user has left', async (t) => {
  let now = 4_000_000_000_000;
  const url = await serving(t, async (asked, response) => {
    asked.resume();
    // The poll is never answered, and the user's time passes meanwhile.
    if (asked.url.endsWith('/poll')) now += 2_000;
    else response.end(JSON.stringify({ polling_code: 'a', login_code: 'b' }));
  });
  const limits = [];
  const { timeout } = AbortSignal;
  t.mock.method(AbortSignal, 'timeout', (ms) => {
    limits.push(ms);
    return timeout.call(AbortSignal, ms);
  });
  const settings = {
    issuer: url,
    discover: false,
    clientId: 'a',
    protocol: { tag: 'hexclave', val: { appUrl: url, headers: 'hexclave' } },
  };
  const options = {
    stateDir: stateFolder(t),
    browser: () => {},
    terminal: terminal(),
    patienceMs: 1_000,
    clock: { nowMs: () => now, sleep: async () => {} },
  };
  await assert.rejects(login(settings, options), { code: 'timed-out' });
  assert.deepEqual(limits, [10_000, 1_000]);
});

test('no secret reaches an error, whatever a provider answers', async (t) => {
  const secrets = new Set();
  const answers = [
    [400, { error: 'invalid_grant', error_description: 'no\u001b[2J\u202e' }],
    [200, { access_token: 'TOKEN-secret', token_type: 'Bearer', id_token: 'ID.TOKEN.secret' }],
    [200, 'TOKEN-secret'],
    [500, 'TOKEN-secret'],
  ];
  secrets.add('TOKEN-secret').add('ID.TOKEN.secret').add('CODE-secret').add('CLIENT-secret');
  let turn = 0;
  const issuer = await serving(t, async (asked, response) => {
    if (asked.url === '/token') {
      const body = [];
      for await (const chunk of asked) body.push(chunk);
      const form = new URLSearchParams(Buffer.concat(body).toString());
      secrets.add(form.get('code_verifier'));
      const [status, answer] = answers[turn];
      response.writeHead(status, { 'content-type': 'application/json' });
      return response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(
      JSON.stringify({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['S256'],
      }),
    );
  });
  const settings = { issuer, clientId: 'demo', clientSecret: 'CLIENT-secret', scopes: ['openid'] };
  for (; turn < answers.length; turn += 1) {
    const screen = terminal();
    const pages = [];
    const browser = async (url) => {
      const begun = await get(url);
      const [cookie] = begun.headers['set-cookie'][0].split(';');
      const asked = new URL(begun.headers.location).searchParams;
      secrets.add(asked.get('state')).add(asked.get('nonce'));
      const back = `${asked.get('redirect_uri')}?code=CODE-secret&state=${asked.get('state')}`;
      pages.push(get(back, { cookie }).then(() => get(new URL('/latchstring/end?done', url).href)));
    };
    const options = {
      stateDir: stateFolder(t),
      browser: (url) => void browser(url),
      terminal: screen,
    };
    const error = await login(settings, options).then(
      () => assert.fail('logged in'),
      (failure) => failure,
    );
    assert(error instanceof LatchError, String(error));
    const texts = [
      error.stack,
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
      error.remedy,
      screen.text,
    ];
    for (const page of await Promise.all(pages)) texts.push(page.body);
    for (const secret of secrets) {
      if (secret) for (const text of texts) assert(!text?.includes(secret), `${secret} in ${text}`);
    }
    assert.doesNotMatch(error.message + error.provider?.description, /[\p{Cc}\u202e]/u);
  }
  assert(secrets.size > 6, 'the verifiers were seen');
  await assert.rejects(
    token({ ...settings, clientSecret: /** @type {any} */ (7) }, { stateDir: stateFolder(t) }),
    LatchError,
  );
});

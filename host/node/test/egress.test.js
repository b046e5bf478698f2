// Where requests go and do not go, and what an answer may cost.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';

import { isPublic } from '../src/addresses.js';
import { browserUrl, launchers } from '../src/browser.js';
import { Denied, Egress, mayBeNamed } from '../src/egress.js';
import { permittedLookup, send } from '../src/http.js';
import { LatchError, login, token } from '../src/index.js';
import { get, stateFolder, terminal } from './support.js';

const client = (issuer, more) => ({ issuer, endpoints: {}, assumedEndpoints: {}, httpsIssuer: false, ...more });
const metadata = (document) => ({ status: 200, headers: [], body: new TextEncoder().encode(JSON.stringify(document)) });
const any = { privateAddresses: async () => true };
const publicOnly = { privateAddresses: async () => false };
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

const noOpenssl = spawnSync('openssl', ['version']).error !== undefined && 'openssl makes the certificate';
test('certificates are checked whatever the environment says', { skip: noOpenssl }, async (t) => {
  const folder = join(stateFolder(t), '..');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert];
  assert.equal(spawnSync('openssl', words).status, 0);
  const server = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  const reply = await send(request(`https://127.0.0.1:${server.address().port}/`), { privateAddresses: async () => true });
  assert.equal(reply.tag, 'unreachable');
  assert.match(reply.val.reason, /certificate is not trusted/);
});

test('only the issuer, given endpoints and those of its metadata are asked', async () => {
  const issuer = 'https://id.example';
  const egress = new Egress(client(issuer, { endpoints: { token: 'https://given.example/t', endSession: 'https://end.example/' } }), ['https://stored.example']);
  const allowed = (url) => {
    try {
      egress.permit(url);
      return true;
    } catch (error) {
      return !(error instanceof Denied);
    }
  };
  assert.equal(allowed('https://id.example/token'), true);
  assert.equal(allowed('https://given.example/other'), true);
  assert.equal(allowed('https://stored.example/'), true);
  for (const url of ['https://evil.example/', 'http://id.example/', 'https://id.example:8443/', 'https://end.example/', 'file:///etc/passwd', 'no URL', 'http://127.0.0.1/']) {
    assert.equal(allowed(url), false, url);
  }
  const named = metadata({ issuer, token_endpoint: 'https://api.example/t', jwks_uri: 'https://keys.example/', other_endpoint: 'http://plain.example/', inner_endpoint: 'http://127.0.0.1/', docs: 'https://docs.example/' });
  egress.learn('https://id.example/elsewhere', named);
  assert.equal(allowed('https://api.example/t'), false, 'not from where metadata lies');
  egress.learn('https://id.example/.well-known/openid-configuration', metadata({ issuer: 'https://other.example', token_endpoint: 'https://api.example/' }));
  assert.equal(allowed('https://api.example/t'), false, 'not of another issuer');
  egress.learn('https://id.example/.well-known/openid-configuration', named);
  assert.equal(allowed('https://api.example/t'), true);
  assert.equal(allowed('https://keys.example/'), true);
  for (const url of ['https://docs.example/', 'http://127.0.0.1/', 'http://plain.example/']) {
    assert.equal(allowed(url), false, url);
  }
  assert.deepEqual(egress.pinnedOrigins(), ['https://api.example', 'https://keys.example', 'https://stored.example']);
});

test('metadata names its own issuer', () => {
  const tenant = 'https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0';
  for (const [issuer, name, fits] of [
    ['https://id.example', 'https://id.example', true],
    ['https://id.example', 'https://id.example/', true],
    ['https://id.example/', 'https://id.example', true],
    ['https://id.example', 'https://id.example//', false],
    ['https://id.example/a', 'https://id.example/a/', false],
    ['https://id.example/a/', 'https://id.example/a', false],
    ['https://id.example', 'https://evil.example', false],
    ['https://id.example', undefined, false],
    ['https://login.example/common/v2.0', 'https://login.example/{tenantid}/v2.0', true],
    ['https://login.example/common/v2.0', tenant, true],
    ['https://login.example/organizations/v2.0', tenant, true],
    ['https://login.example/consumers/v2.0', tenant, true],
    ['https://login.example/common/v2.0', tenant.replace('9188040d', '9188040D'), false],
    ['https://login.example/mine/v2.0', tenant, false],
    ['https://login.example/common/v2.0', 'https://login.example/contoso/v2.0', false],
    ['https://login.example/common/v2.0', 'https://evil.example/{tenantid}/v2.0', false],
    ['https://login.example/common/common', 'https://login.example/{tenantid}/{tenantid}', false],
    ['https://login.example/common', 'https://login.example/{tenantid}/v2.0', false],
  ]) assert.equal(mayBeNamed(issuer, name), fits, `${issuer} ${name}`);
});

test('private addresses are for what the caller named, or where all of the issuer\'s are', async () => {
  const named = new Egress(client('https://10.0.0.1'), ['https://api.example']);
  assert.equal(await named.permit('https://10.0.0.1/token').privateAddresses(), true);
  assert.equal(await named.permit('https://api.example/').privateAddresses(), true);
  const pinned = new Egress(client('https://1.1.1.1'), ['https://10.0.0.1']);
  assert.equal(await pinned.permit('https://10.0.0.1/').privateAddresses(), false);
  for (const [addresses, expected] of [[['10.0.0.1'], true], [['10.0.0.1', '1.1.1.1'], false], [['1.1.1.1', '10.0.0.1'], false], [[], false]]) {
    let lookedUp = 0;
    const resolve = async () => {
      lookedUp += 1;
      return addresses;
    };
    const egress = new Egress(client('https://id.example'), ['https://api.example'], resolve);
    const permit = egress.permit('https://api.example/');
    assert.equal(lookedUp, 0, 'the policy itself looks nothing up');
    assert.equal(await permit.privateAddresses(), expected, String(addresses));
    assert.equal(await egress.permit('https://api.example/').privateAddresses(), expected);
    assert.equal(lookedUp, 1);
  }
  for (const url of ['https://10.0.0.1/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/', 'http://127.0.0.1:1/']) {
    assert.equal((await send(request(url), publicOnly)).tag, 'denied', url);
  }
});

test('a resolver that never answers costs no more than the request\'s time', async (t) => {
  let timeout = new AbortController();
  t.mock.method(AbortSignal, 'timeout', () => timeout.signal);
  for (const url of ['https://10.0.0.1/', 'http://localhost:1/']) {
    timeout = new AbortController();
    const issuer = client('https://id.example');
    const egress = new Egress(issuer, [new URL(url).origin], () => new Promise(() => timeout.abort()));
    const reply = await send(request(url), egress.permit(url), 1_500);
    assert.equal(reply.tag, 'unreachable', url);
    assert.match(reply.val.reason, /timed out after 1\.5 s$/);
    assert.equal(reply.val.sent, false);
  }
});

test('a name that leads to a private address is not followed there', async (t) => {
  const url = (await serving(t, (_, response) => response.end())).replace('127.0.0.1', 'localhost');
  const reply = await send(request(url), publicOnly);
  assert.equal(reply.tag, 'denied');
  assert.match(reply.val, /not a public address/);
  const error = await new Promise((resolve) => { permittedLookup(publicOnly)('localhost', {}, resolve); });
  assert(error instanceof Denied);
});

test('special addresses are not public however they are wrapped', () => {
  for (const address of ['1.1.1.1', '100.63.255.255', '172.32.0.1', '223.255.255.255', '2606:4700::1111', '2a00::1', '64:ff9b::808:808', '::ffff:8.8.8.8', '2002:808:808::1']) {
    assert.equal(isPublic(address), true, address);
  }
  for (const address of [
    '0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.0.0.1', '192.0.2.1',
    '192.88.99.1', '192.168.1.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '255.255.255.255',
    '::', '::1', '::7f00:1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1', '100::1', '2001::1', '2001:20::1', '2001:db8::1', '2002:a00:1::1', '3fff::1', '5f00::1',
    'fc00::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1',
  ]) {
    assert.equal(isPublic(address), false, address);
  }
});

test('no redirect is followed, and no body is read past its limit', async (t) => {
  const url = await serving(t, (asked, response) => {
    if (asked.url === '/away') return response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    if (asked.url === '/break?secret') return response.destroy();
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => { while (!response.destroyed && response.write(chunk)); };
    response.on('drain', more);
    return more();
  });
  const permit = any;
  assert.equal((await send(request(`${url}/away`), permit)).val.status, 302);
  assert.deepEqual(await send(request(`${url}/endless`), permit), { tag: 'too-large', val: 1_048_576n });
  const broken = await send(request(`${url}/break?secret`), permit);
  assert.equal(broken.val.sent, true);
  const nobody = await send(request('http://127.0.0.1:1/?secret'), permit);
  assert.deepEqual(nobody, { tag: 'unreachable', val: { reason: 'cannot reach 127.0.0.1:1: connection refused', sent: false } });
  for (const name of ['host', 'Cookie', 'Proxy-Connection', 'transfer-encoding', 'b\nad']) {
    const reply = await send(request(url, { headers: [{ name, value: 'secret' }] }), permit);
    assert.equal(reply.tag, 'denied', name);
    assert(!reply.val.includes('secret'));
  }
});

test('a browser goes to https, and to http on this machine alone', () => {
  for (const url of ['https://id.example/?a=b', 'http://127.0.0.1:8000/', 'http://[::1]/', 'http://localhost/']) {
    assert.equal(browserUrl(url), new URL(url).href);
  }
  for (const url of ['http://id.example/', 'http://localhost.example/', 'http://10.0.0.1/', 'file:///etc/passwd', 'javascript:alert(1)', '--help', 'calc.exe', '']) {
    assert.throws(() => browserUrl(url), { code: 'egress-denied' }, url);
  }
  const words = (environment, platform) => launchers(environment, platform).map((one) => one.words.join(' '));
  assert.deepEqual(words({ BROWSER: 'firefox --new %s::w3m' }, 'linux'), ['firefox --new %s', 'w3m %s', 'wslview %s']);
  assert.equal(words({ DISPLAY: ':0' }, 'linux')[0], 'xdg-open %s');
  assert.deepEqual(words({}, 'win32'), ['rundll32.exe url.dll,FileProtocolHandler %s']);
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
    return response.end(JSON.stringify({
      issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`,
      response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    }));
  });
  const settings = { issuer, clientId: 'demo', clientSecret: 'CLIENT-secret', scopes: ['openid'] };
  for (; turn < answers.length; turn += 1) {
    const person = terminal();
    const pages = [];
    const browser = async (url) => {
      const begun = await get(url);
      const [cookie] = begun.headers['set-cookie'][0].split(';');
      const asked = new URL(begun.headers.location).searchParams;
      secrets.add(asked.get('state')).add(asked.get('nonce'));
      const back = `${asked.get('redirect_uri')}?code=CODE-secret&state=${asked.get('state')}`;
      pages.push(get(back, { cookie }).then(() => get(new URL('/latchstring/end?done', url).href)));
    };
    const options = { stateDir: stateFolder(t), browser: (url) => void browser(url), terminal: person };
    const error = await login(settings, options).then(() => assert.fail('logged in'), (failure) => failure);
    assert(error instanceof LatchError, String(error));
    const texts = [error.stack, inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), error.remedy, person.text];
    for (const page of await Promise.all(pages)) texts.push(page.body);
    for (const secret of secrets) {
      if (secret) for (const text of texts) assert(!text?.includes(secret), `${secret} in ${text}`);
    }
    assert.doesNotMatch(error.message + error.provider?.description, /[\u0000-\u001f\u202e]/);
  }
  assert(secrets.size > 6, 'the verifiers were seen');
  await assert.rejects(
    token({ ...settings, clientSecret: /** @type {any} */ (7) }, { stateDir: stateFolder(t) }),
    LatchError,
  );
});

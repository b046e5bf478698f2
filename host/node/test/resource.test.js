// Logins by the URL of a protected resource.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';

import { systemClock } from '../src/clock.js';
import { loadRules } from '../src/components.js';
import { drive } from '../src/drive.js';
import { login, loginTo, logout, tokenFor } from '../src/index.js';
import { lock } from '../src/lock.js';
import { freePort, get, stateFolder, terminal } from './support.js';

/** Starts a server whose answers are `[status, headers, body]`. Returns its port. */
async function serve(t, answer) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, 'http://here');
    const [status, headers, body = ''] = answer(url, request, Buffer.concat(chunks).toString());
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return server.address().port;
}

const json = (status, body) => [status, { 'content-type': 'application/json' }, body];
const nothing = [404, {}];

/**
 * Starts an authorization server that registers clients and lets every user in. `registered`,
 * `authorized` and `removed` are the requests that it got.
 */
async function authorizationServer(t, host, wantsLocalhost) {
  const registered = [];
  const removed = [];
  const authorized = [];
  const codes = new Map();
  const granted = new Map();
  const issue = (scope) => {
    const [accessToken, refreshToken] = [randomUUID(), randomUUID()];
    for (const issued of [accessToken, refreshToken]) granted.set(issued, scope);
    return json(200, {
      access_token: accessToken,
      refresh_token: refreshToken,
      token_type: 'Bearer',
      expires_in: 3600,
      scope,
    });
  };
  const answers = {
    '/.well-known/oauth-authorization-server': () =>
      json(200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        registration_endpoint: `${issuer}/register`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
        authorization_response_iss_parameter_supported: true,
      }),
    '/register': (_, { headers }, body) => {
      const metadata = JSON.parse(body);
      if (wantsLocalhost && metadata.redirect_uris[0].includes('127.0.0.1')) {
        return json(400, { error: 'invalid_redirect_uri' });
      }
      registered.push({ metadata, authorization: headers.authorization });
      return json(201, {
        ...metadata,
        client_id: `client-${registered.length}`,
        registration_client_uri: `${issuer}/registered`,
        registration_access_token: `registration-${registered.length}`,
      });
    },
    '/registered': (_, { headers }) => {
      removed.push(headers.authorization);
      return [204, {}];
    },
    '/authorize': ({ searchParams }) => {
      const asked = Object.fromEntries(searchParams);
      authorized.push(asked);
      const code = randomUUID();
      codes.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.search = new URLSearchParams({ code, state: asked.state, iss: issuer });
      return [302, { location: back.href }];
    },
    '/token': (_, __, body) => {
      const form = Object.fromEntries(new URLSearchParams(body));
      if (form.grant_type === 'refresh_token') return issue(granted.get(form.refresh_token));
      const asked = codes.get(form.code);
      const challenge = createHash('sha256').update(form.code_verifier).digest('base64url');
      assert.equal(challenge, asked.code_challenge);
      assert.equal(form.client_id, asked.client_id);
      assert.equal(form.resource, asked.resource);
      return issue(asked.scope);
    },
  };
  const port = await serve(t, (url, ...rest) => answers[url.pathname]?.(url, ...rest) ?? nothing);
  const issuer = `http://${host}:${port}`;
  return {
    issuer,
    registered,
    removed,
    authorized,
    scopeOf: (accessToken) => granted.get(accessToken),
  };
}

/**
 * Starts a resource that takes only tokens with the scope `read`, and an authorization server for
 * it. `options` are those of logins there whose browser needs no user.
 */
async function protectedResource(t, host = '127.0.0.1', wantsLocalhost = false) {
  const server = await authorizationServer(t, host, wantsLocalhost);
  const metadata = '/.well-known/oauth-protected-resource/mcp';
  const port = await serve(t, ({ pathname }, { headers }) => {
    if (pathname === metadata) {
      return json(200, { resource: url, authorization_servers: [server.issuer] });
    }
    const [, accessToken] = /^Bearer (.+)$/.exec(headers.authorization) ?? [];
    if (server.scopeOf(accessToken)?.split(' ').includes('read')) return [200, {}, 'welcome'];
    const place = `resource_metadata="${new URL(metadata, url).href}"`;
    return [401, { 'www-authenticate': `Bearer ${place}, scope="read"` }];
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  const stateDir = stateFolder(t);
  const opened = [];
  const options = {
    stateDir,
    terminal: terminal(),
    // A registration is for one port.
    redirect: { ports: [await freePort()] },
    browser: (address) => {
      opened.push(address);
      options.arrived = browse(address);
    },
  };
  return { ...server, url, options, opened };
}

/** Follows a login's redirects, as a browser does. */
async function browse(address) {
  const begun = await get(address);
  const [cookie] = begun.headers['set-cookie'][0].split(';');
  const { headers } = await get(begun.headers.location);
  const back = await get(headers.location, { cookie });
  return get(new URL(back.headers.location, address).href);
}

/** Returns the paths of the files of registrations with this extension. */
function registrationFiles(stateDir, extension) {
  return readdirSync(stateDir)
    .filter((name) => name.startsWith('registration+.') && name.endsWith(`.${extension}`))
    .map((name) => join(stateDir, name));
}

test('a login by URL registers a client once, and later logins use the registration', async (t) => {
  const { url, options, registered, authorized } = await protectedResource(t);
  const first = await loginTo(url, options);
  assert.equal((await options.arrived).status, 200);
  assert.equal(first.source, 'login');
  const answer = await fetch(url, { headers: first.headers });
  assert.equal(await answer.text(), 'welcome');
  assert.match(options.terminal.text, /127\.0\.0\.1:\d+ has you log in at 127\.0\.0\.1:\d+\./);

  const kept = await tokenFor(url, undefined, options);
  assert.deepEqual([kept.source, kept.accessToken], ['cached', first.accessToken]);

  const second = await loginTo(url, options);
  await options.arrived;
  assert.notEqual(second.accessToken, first.accessToken);
  assert.equal(registered.length, 1);
  assert.deepEqual(
    authorized.map(({ client_id, scope, resource }) => [client_id, scope, resource]),
    Array(2).fill(['client-1', 'read', url]),
  );
  const { metadata, authorization } = registered[0];
  assert.deepEqual(metadata.redirect_uris, [authorized[0].redirect_uri]);
  assert.equal(authorization, undefined);

  const files = registrationFiles(options.stateDir, 'session');
  assert.equal(files.length, 1);
  assert.equal(statSync(files[0]).mode & 0o777, 0o600);
  assert.match(readFileSync(files[0], 'utf8'), /^\{"latchstring":1,.*\n.*client-1/);
});

test('a registration that is damaged counts as none', async (t) => {
  const { url, options, registered } = await protectedResource(t);
  await loginTo(url, options);
  await options.arrived;
  const [file] = registrationFiles(options.stateDir, 'session');
  writeFileSync(file, 'damaged');
  await loginTo(url, { ...options, profile: 'other' });
  await options.arrived;
  assert.equal(registered.length, 2);
  assert.match(readFileSync(file, 'utf8'), /client-2/);
});

test('all profiles share a registration', async (t) => {
  const { url, options, registered, authorized } = await protectedResource(t);
  for (const profile of ['one', 'other']) {
    await loginTo(url, { ...options, profile });
    await options.arrived;
  }
  assert.equal(registered.length, 1);
  assert.equal(authorized.length, 2);
});

test('a client is registered anew on request, with the initial access token', async (t) => {
  const { url, options, registered, authorized } = await protectedResource(t);
  await loginTo(url, options);
  await options.arrived;
  const initialAccessToken = 'INITIAL-secret';
  const other = { ...options, profile: 'other', initialAccessToken };
  await loginTo(url, { ...other, registerAnew: true });
  await options.arrived;
  assert.deepEqual(
    registered.map(({ authorization }) => authorization),
    [undefined, `Bearer ${initialAccessToken}`],
  );
  assert.deepEqual(
    authorized.map(({ client_id }) => client_id),
    ['client-1', 'client-2'],
  );
  for (const name of readdirSync(options.stateDir)) {
    const text = readFileSync(join(options.stateDir, name), 'utf8');
    assert(!text.includes(initialAccessToken), name);
  }
});

test('a server that registers no IP address gets the name', async (t) => {
  const { url, options, registered, authorized } = await protectedResource(t, '127.0.0.1', true);
  for (let count = 0; count < 2; count += 1) {
    await loginTo(url, options);
    await options.arrived;
  }
  const back = `http://localhost:${options.redirect.ports[0]}/callback`;
  assert.deepEqual(
    registered.map(({ metadata }) => metadata.redirect_uris),
    [[back]],
  );
  assert.deepEqual(
    authorized.map(({ redirect_uri }) => redirect_uri),
    [back, back],
  );
});

test('a logout removes the client if that is asked for', async (t) => {
  const { url, options, registered, removed } = await protectedResource(t);
  const logIn = async () => {
    await loginTo(url, options);
    await options.arrived;
  };
  const client = { resourceUrl: url };
  await logIn();
  assert.equal((await logout(client, options)).registration, undefined);
  await logIn();
  const { registration } = await logout(client, { ...options, unregister: true });
  assert.deepEqual(registration, { kept: undefined });
  assert.deepEqual(removed, ['Bearer registration-1']);
  await logIn();
  assert.equal(registered.length, 2);
});

test('a damaged session stays until the new one is there', async (t) => {
  const { url, options } = await protectedResource(t);
  await loginTo(url, options);
  await options.arrived;
  const { stateDir } = options;
  const name = readdirSync(stateDir).find((one) => /^default\..*\.session$/.test(one));
  writeFileSync(join(stateDir, name), 'damaged');
  await assert.rejects(loginTo(url, { ...options, acceptIssuer: 'another.example' }));
  const areDamaged = () => readdirSync(stateDir).filter((one) => one.endsWith('.damaged'));
  assert.deepEqual(areDamaged(), []);
  await loginTo(url, options);
  await options.arrived;
  assert.equal(areDamaged().length, 1);
  assert.equal((await tokenFor(url, undefined, options)).source, 'cached');
});

test('a client that was registered by hand is not registered', async (t) => {
  const { url, options, registered, authorized } = await protectedResource(t);
  await login({ resourceUrl: url, clientId: 'by-hand' }, options);
  await options.arrived;
  assert.equal(registered.length, 0);
  assert.equal(authorized[0].client_id, 'by-hand');
  assert.equal((await tokenFor(url, undefined, options)).source, 'cached');
});

test('a registration has a lock of its own', async (t) => {
  const { url, options } = await protectedResource(t);
  await loginTo(url, options);
  await options.arrived;
  const [path] = registrationFiles(options.stateDir, 'lock');
  const held = await lock(path, 1_000);
  // Nothing is registered, so the lock is not needed.
  await loginTo(url, options);
  await options.arrived;
  const other = { ...options, profile: 'other', registerAnew: true };
  await assert.rejects(loginTo(url, { ...other, lockPatienceMs: 100 }), {
    code: 'store-unusable',
    message: /still locked by another process/,
  });
  held.release();
  assert.equal((await loginTo(url, other)).source, 'login');
  await options.arrived;
});

test('more scopes need a login, and a rejected token needs a refresh', async (t) => {
  const { url, options, authorized } = await protectedResource(t);
  await assert.rejects(tokenFor(url, undefined, options), { code: 'login-required' });
  const first = await loginTo(url, options);
  await options.arrived;

  const refreshed = await tokenFor(url, 'Bearer error="invalid_token"', options);
  assert.equal(refreshed.source, 'renewed');
  assert.notEqual(refreshed.accessToken, first.accessToken);

  const challenge = 'Bearer error="insufficient_scope", scope="write"';
  await assert.rejects(tokenFor(url, challenge, options), { code: 'login-required' });
  // The session stays as it is until then.
  assert.equal((await tokenFor(url, undefined, options)).accessToken, refreshed.accessToken);
  const more = await loginTo(url, { ...options, challenge });
  await options.arrived;
  assert.deepEqual([...more.scopes].sort(), ['read', 'write']);
  assert.deepEqual(authorized[1].scope.split(' ').sort(), ['read', 'write']);
});

test('an issuer is refused if another one is accepted', async (t) => {
  const { url, options, registered, opened } = await protectedResource(t, 'localhost');
  await assert.rejects(loginTo(url, { ...options, acceptIssuer: 'id.example' }), {
    code: 'invalid-metadata',
    message: /issued by localhost; only id\.example is accepted/,
  });
  assert.deepEqual([registered, opened], [[], []]);
  await loginTo(url, { ...options, acceptIssuer: 'localhost' });
  await options.arrived;
  assert.equal(registered.length, 1);
});

test('the user at a terminal is asked once about an issuer on another host', async (t) => {
  const { url, options, registered, opened } = await protectedResource(t, 'localhost');
  const answers = ['no', ''];
  // The question for a pasted address is hidden.
  const screen = terminal(async (hidden) => (hidden ? new Promise(() => {}) : answers.shift()));
  const attended = { ...options, terminal: screen };
  await assert.rejects(loginTo(url, attended), { code: 'cancelled' });
  assert.match(
    screen.text,
    /127\.0\.0\.1:\d+ has you log in at localhost:\d+, where this machine has not/,
  );
  assert.deepEqual([registered, opened], [[], []]);
  for (let turn = 0; turn < 2; turn += 1) {
    assert.equal((await loginTo(url, attended)).source, 'login');
    await options.arrived;
  }
  assert.deepEqual(answers, []);
  assert.equal(screen.text.match(/Press Enter to log in there/g).length, 2);
});

test('a client by URL has the same ports in every login, unless it has its own', async (t) => {
  const wanted = [];
  const options = {
    stateDir: stateFolder(t),
    terminal: terminal(),
    listen: async ({ ports }) => {
      wanted.push(ports);
      throw new Error('no listener');
    },
  };
  const resourceUrl = 'https://mcp.example/mcp';
  for (const [client, ports] of [
    [{ resourceUrl }, undefined],
    [{ resourceUrl }, [4000]],
    [{ issuer: 'https://id.example', clientId: 'demo' }, undefined],
  ]) {
    const redirect = ports && { ports };
    await assert.rejects(login(client, { ...options, redirect }), { message: 'no listener' });
  }
  assert.deepEqual(wanted, [[51571, 51572, 51573, 51574, 0], [4000], []]);
});

test('a client needs an ID or the URL of a resource', async (t) => {
  const options = { stateDir: stateFolder(t), terminal: terminal() };
  await assert.rejects(login({ issuer: 'https://id.example' }, options), {
    code: 'invalid-configuration',
  });
});

/**
 * Runs the loop with a session that asks for these actions. Returns the replies, and what the
 * locks of registrations did.
 */
async function looped(...actions) {
  const rules = await loadRules();
  const told = [];
  const replies = [];
  const storeOf = (name) => ({
    place: name,
    read: () => undefined,
    write: () => void told.push(`write ${name}`),
    delete: () => void told.push(`delete ${name}`),
    lock: async () => {
      told.push(`lock ${name}`);
      return { release: () => void told.push(`release ${name}`) };
    },
  });
  const session = {
    next: (reply) => {
      replies.push(reply.tag);
      return actions.shift() ?? { tag: 'done', val: { tag: 'granted', val: {} } };
    },
  };
  const ended = drive(() => session, {
    rules,
    component: { begin: () => session },
    clock: systemClock,
    entropy: () => new Uint8Array(32),
    egress: { policy: new rules.Egress({ httpsIssuer: false, endpoints: [], pages: [] }, []) },
    terminal: terminal(),
    profile: 'default',
    lockPatienceMs: 1_000,
    store: storeOf('session'),
    registrationStore: storeOf,
  });
  const failure = await ended.then(
    () => undefined,
    (error) => error,
  );
  return { told, replies, failure };
}

const lockA = { tag: 'lock-registration', val: 'a' };
const lockB = { tag: 'lock-registration', val: 'b' };
const save = { tag: 'save-registration', val: new Uint8Array(1) };

test("a registration's lock is held until it is saved, or another one is locked", async () => {
  const { told, replies, failure } = await looped(lockA, lockB, save, { tag: 'lock' });
  assert.equal(failure, undefined);
  assert.deepEqual(told, [
    'lock a',
    'release a',
    'lock b',
    'write b',
    'release b',
    'lock session',
    'release session',
  ]);
  assert.deepEqual(replies, ['begin', 'registration', 'registration', 'saved', 'locked']);
});

test("a registration's lock ends with the session", async () => {
  assert.deepEqual((await looped(lockA, { tag: 'lock' })).told.sort(), [
    'lock a',
    'lock session',
    'release a',
    'release session',
  ]);
});

test('a registration is deleted if there are no bytes', async () => {
  const { told } = await looped(lockA, { tag: 'save-registration', val: undefined });
  assert.deepEqual(told, ['lock a', 'delete a', 'release a']);
});

test('a registration is saved only under its own lock', async () => {
  for (const actions of [[save], [{ tag: 'lock' }, save], [lockA, save, save]]) {
    const { failure } = await looped(...actions);
    assert.equal(failure.code, 'sandbox-fault');
    assert.match(failure.message, /saved a registration without its lock/);
  }
});

test('the user is asked for consent only in a login', async () => {
  const confirmation = { issuerHost: 'a', resourceHost: 'b', asks: false, waitMs: 1n };
  const { failure } = await looped({ tag: 'confirm', val: confirmation });
  assert.equal(failure.code, 'sandbox-fault');
  assert.match(failure.message, /asked for a consent outside of a login/);
});

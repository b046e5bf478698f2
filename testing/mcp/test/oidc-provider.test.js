// Logins to MCP servers made with the official SDKs, whose tokens the certified provider issues.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';

import { Home, visit } from './home.js';
import { connect, post, SCOPES, start, startServer, startWithPython } from './servers.js';

const { LATCHSTRING_MCP_PYTHON: python } = process.env;
const noPython = !python && 'LATCHSTRING_MCP_PYTHON names no Python with the SDK';

/** Starts the servers and logs in to them in a browser. */
async function loggedIn(t) {
  const server = await start(t);
  const home = await Home.make(t);
  await home.output('login', server.url);
  return { server, home, token: (...words) => tokenOf(home, server, ...words) };
}

function tokenOf(home, server, ...words) {
  return home.output('token', '--resource-url', server.url, ...words);
}

/** Asserts that an MCP client gets an answer with the token. */
async function assertAccepted(t, server, token) {
  const client = await connect(t, server.url, token);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['greet'],
  );
}

function refreshes(server) {
  return server.asked('token').filter(({ grant_type }) => grant_type === 'refresh_token');
}

/** Returns the scopes of the last authorization request. */
function requestedScopes(server) {
  return server.asked('authorization').at(-1).scope.split(' ');
}

test('after a login in a browser, the server accepts the token', async (t) => {
  const { server, home, token } = await loggedIn(t);
  await assertAccepted(t, server, await token());
  assert.deepEqual(requestedScopes(server), [SCOPES.all, 'offline_access']);
  // A token for one server is nobody else's business.
  assert.deepEqual(server.asked('userinfo'), []);
  const [status] = JSON.parse(await home.output('status', '--json'));
  assert.equal(status.resource, server.url);
  assert.equal(status.issuer, server.issuer);
  assert.deepEqual(status.scopes, [SCOPES.all]);
  const shown = await home.output('status');
  for (const words of [server.url, server.issuer]) assert.ok(shown.includes(words), shown);
});

test('a user of another machine logs in with a code', async (t) => {
  const server = await start(t);
  const home = await Home.make(t);
  const login = home.startOverSsh('login', server.url);
  const [address] = await login.shows(/http:\S+\?user_code=\S+/);
  assert.ok(await visit(address));
  const { status, stdout } = await login.finish();
  assert.equal(status, 0, stdout);
  const first = await tokenOf(home, server);
  await assertAccepted(t, server, first);
  const [begun] = server.asked('device_authorization');
  assert.equal(begun.resource, server.url);
  const second = await tokenOf(home, server, '--force-refresh');
  assert.notEqual(second, first);
  await assertAccepted(t, server, second);
});

test('a user brings the address back that a browser anywhere ends on', async (t) => {
  const server = await start(t);
  const home = await Home.make(t);
  // Where the browser ends: there is something, but not the login.
  const elsewhere = createServer((_, response) => response.writeHead(404).end());
  elsewhere.listen(home.port, '127.0.0.1');
  t.after(() => elsewhere.close());
  const arrival = once(elsewhere, 'request');
  const login = home.startOverSsh('login', server.url, '--flow', 'paste');
  const [address] = await login.shows(/http:\S+response_type=code\S+/);
  await login.shows(/paste it here/);
  await visit(address);
  const [{ url }] = await arrival;
  login.types(`http://127.0.0.1:${home.port}${url}`);
  const { status, stdout } = await login.finish();
  assert.equal(status, 0, stdout);
  await assertAccepted(t, server, await tokenOf(home, server));
});

test('sixteen processes at once refresh an expired token once', async (t) => {
  const { server, home, token } = await loggedIn(t);
  const first = await token();
  home.expire();
  const tokens = await Promise.all(Array.from({ length: 16 }, () => token()));
  const [second, ...others] = new Set(tokens);
  assert.deepEqual(others, []);
  assert.notEqual(second, first);
  await assertAccepted(t, server, second);
  const [refresh, ...more] = refreshes(server);
  assert.deepEqual(more, []);
  assert.equal(refresh.resource, server.url);
  // The provider has replaced the refresh token, and takes the new one.
  home.expire();
  assert.notEqual(await token(), second);
});

test('a login uses the client of the one before, unless a new one is asked for', async (t) => {
  const { server, home, token } = await loggedIn(t);
  assert.equal(server.clients.length, 1);
  await home.output('login', server.url);
  assert.equal(server.clients.length, 1);
  await home.output('logout', '--resource-url', server.url);
  await home.output('login', server.url);
  assert.equal(server.clients.length, 1);
  await home.output('login', server.url, '--register');
  assert.equal(server.clients.length, 2);
  assert.equal(server.asked('authorization').length, 4);
  assert.equal(server.asked('authorization').at(-1).client_id, server.clients[1]);
  await assertAccepted(t, server, await token());
});

test('a logout removes the client at the provider if that is asked for', async (t) => {
  const { server, home } = await loggedIn(t);
  await home.output('logout', '--resource-url', server.url, '--unregister');
  assert.deepEqual(
    server.asked('client_delete').map(({ status }) => status),
    [204],
  );
  await home.output('login', server.url);
  assert.equal(server.clients.length, 2);
});

test('after the provider has forgotten the client, the next login registers one', async (t) => {
  const { server, home, token } = await loggedIn(t);
  await server.prune(server.clients[0]);
  home.expire();
  const { status, stdout, stderr } = await home.run('token', '--resource-url', server.url);
  assert.equal(status, 3, stderr);
  assert.equal(stdout, '');
  assert.ok(stderr.includes(`latch login ${server.url}`), stderr);
  await home.output('login', server.url);
  assert.equal(server.clients.length, 2);
  assert.equal(server.asked('authorization').length, 2);
  await assertAccepted(t, server, await token());
});

test('a client that the provider refuses before any browser is replaced', async (t) => {
  const { server, home } = await loggedIn(t);
  await server.prune(server.clients[0]);
  const { status, stderr } = await home.run('login', server.url);
  assert.equal(status, 4, stderr);
  assert.ok(stderr.includes('invalid_client'), stderr);
  assert.equal(server.clients.length, 1);
  await home.output('login', server.url);
  assert.equal(server.clients.length, 2);
});

test('a challenge for a further scope is answered by a login for all scopes', async (t) => {
  const { server, home, token } = await loggedIn(t);
  const before = await token();
  const refusal = await post(server.url, 'tools/call', before);
  assert.equal(refusal.status, 403);
  const challenge = refusal.headers.get('WWW-Authenticate');
  const words = ['--resource-url', server.url, '--challenge', challenge];
  const { status, stderr } = await home.run('token', ...words);
  assert.equal(status, 3, stderr);
  const remedy = `latch login ${server.url} --challenge`;
  for (const words of [SCOPES.tool, remedy]) assert.ok(stderr.includes(words), stderr);
  const browserless = ['--browser', 'true', '--timeout', '1'];
  const late = await home.run('login', server.url, '--challenge', challenge, ...browserless);
  assert.equal(late.status, 5, late.stderr);
  assert.equal(await token(), before);
  await home.output('login', server.url, '--challenge', challenge);
  assert.deepEqual(requestedScopes(server).sort(), [SCOPES.tool, SCOPES.all, 'offline_access']);
  assert.equal(server.clients.length, 1);
  const client = await connect(t, server.url, await token());
  const { content } = await client.callTool({ name: 'greet' });
  assert.deepEqual(content, [{ type: 'text', text: 'hello' }]);
});

test('two servers of one provider have one client, and tokens of their own', async (t) => {
  const { server, home, token } = await loggedIn(t);
  const other = await startServer(t, server);
  await home.output('login', other.url);
  assert.equal(server.clients.length, 1);
  const tokens = [await token(), await tokenOf(home, other)];
  await assertAccepted(t, server, tokens[0]);
  await assertAccepted(t, other, tokens[1]);
  assert.equal((await post(other.url, 'tools/list', tokens[0])).status, 401);
  assert.equal((await post(server.url, 'tools/list', tokens[1])).status, 401);
});

test('a provider that registers nobody unasked wants an initial access token', async (t) => {
  const registration = { enabled: true, initialAccessToken: 'initial' };
  const server = await start(t, { registration });
  const home = await Home.make(t);
  const refused = await home.run('login', server.url);
  assert.equal(refused.status, 4, refused.stderr);
  assert.ok(refused.stderr.includes('--initial-access-token-file'), refused.stderr);
  const file = join(home.folder, 'initial-access-token');
  writeFileSync(file, 'initial\n', { mode: 0o600 });
  await home.output('login', server.url, '--initial-access-token-file', file);
  await assertAccepted(t, server, await tokenOf(home, server));
});

test('without registration, the user is told to bring a client ID', async (t) => {
  const server = await start(t, { registration: { enabled: false } });
  const home = await Home.make(t);
  const { status, stderr } = await home.run('login', server.url);
  assert.equal(status, 2, stderr);
  assert.ok(stderr.includes('--client-id'), stderr);
});

test('an issuer that is not the accepted one is refused before any browser', async (t) => {
  const server = await start(t, { providerHost: 'localhost' });
  const home = await Home.make(t);
  const refused = await home.run('login', server.url, '--accept-issuer', 'id.example');
  assert.equal(refused.status, 6, refused.stderr);
  for (const host of ['localhost', 'id.example']) {
    assert.ok(refused.stderr.includes(host), refused.stderr);
  }
  assert.deepEqual(server.clients, []);
  assert.deepEqual(server.asked('authorization'), []);
  await home.output('login', server.url, '--accept-issuer', 'localhost');
  await assertAccepted(t, server, await tokenOf(home, server));
});

test('on a terminal, the user is asked about an issuer that is new', async (t) => {
  const server = await start(t, { providerHost: 'localhost' });
  const home = await Home.make(t);
  const question = /127\.0\.0\.1:\d+ has you log in at localhost:\d+, .*Press Enter/s;
  const refusing = home.startOnTerminal('login', server.url);
  await refusing.shows(question);
  refusing.types('no');
  assert.equal((await refusing.finish()).status, 4);
  assert.deepEqual(server.clients, []);
  assert.deepEqual(server.asked('authorization'), []);
  const agreeing = home.startOnTerminal('login', server.url);
  await agreeing.shows(question);
  agreeing.types('');
  const { status, stdout } = await agreeing.finish();
  assert.equal(status, 0, stdout);
  // The issuer is known from now on.
  const again = await home.startOnTerminal('login', server.url).finish();
  assert.equal(again.status, 0, again.stdout);
  assert.doesNotMatch(again.stdout, /Press Enter/);
});

test('a server made with the SDK for Python accepts the token', { skip: noPython }, async (t) => {
  const server = await startWithPython(t, python);
  const home = await Home.make(t);
  await home.output('login', server.url);
  await assertAccepted(t, server, await tokenOf(home, server));
  home.expire();
  const refreshed = await tokenOf(home, server);
  const client = await connect(t, server.url, refreshed);
  const { content } = await client.callTool({ name: 'greet', arguments: {} });
  assert.equal(content[0].text, 'hello');
  assert.equal(refreshes(server).length, 1);
});

// `latch mcp URL` between the official SDK's client and a server made with the official SDK.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { program } from '../programs.mjs';
import { Home } from './home.js';
import { SCOPES, start } from './servers.js';

const BRIDGES = 16;

/** Connects the official client through a bridge, as it connects to any local server. */
async function connect(t, home, url, ...words) {
  const client = new Client({ name: 'tests', version: '0' });
  const transport = new StdioClientTransport({
    command: program('latch'),
    args: ['mcp', url, ...words],
    env: home.environment,
    cwd: home.folder,
    stderr: 'ignore',
  });
  t.after(() => client.close());
  await client.connect(transport);
  return client;
}

async function loggedIn(t) {
  const server = await start(t);
  const home = await Home.make(t);
  await home.output('login', server.url);
  const refreshes = () =>
    server.asked('token').filter(({ grant_type }) => grant_type === 'refresh_token').length;
  return { server, home, refreshes };
}

async function assertListed(client) {
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['greet'],
  );
}

test('a client lists tools, and a call that needs more works after the login that is named', async (t) => {
  const { server, home } = await loggedIn(t);
  const client = await connect(t, home, server.url);
  await assertListed(client);
  const error = await client.callTool({ name: 'greet' }).then(
    () => assert.fail('the scope was not needed'),
    (error) => error,
  );
  assert.match(error.message, new RegExp(SCOPES.tool));
  const [, challenge] = /latch login \S+ --challenge '([^']*)'/.exec(error.message);
  await home.output('login', server.url, '--challenge', challenge);
  const { content } = await client.callTool({ name: 'greet' });
  assert.deepEqual(content, [{ type: 'text', text: 'hello' }]);
});

test('without a login, the error names the command, and the client goes on after it', async (t) => {
  const server = await start(t);
  const home = await Home.make(t);
  await assert.rejects(connect(t, home, server.url), new RegExp(`latch login ${server.url}`));
  await home.output('login', server.url);
  await assertListed(await connect(t, home, server.url));
});

test('an expired token and a token that the server forgot are replaced', async (t) => {
  const { server, home, refreshes } = await loggedIn(t);
  home.expire();
  const client = await connect(t, home, server.url);
  await assertListed(client);
  assert.equal(refreshes(), 1);
  await server.forget(await home.output('token', '--resource-url', server.url));
  await assertListed(client);
  assert.equal(refreshes(), 2);
});

test('a server that was away answers again when it is back', async (t) => {
  const { server, home } = await loggedIn(t);
  const client = await connect(t, home, server.url);
  server.stop();
  await assert.rejects(client.listTools(), /cannot reach/);
  await server.startAgain();
  await assertListed(client);
});

test(`${BRIDGES} bridges at once refresh an expired token once`, async (t) => {
  const { server, home, refreshes } = await loggedIn(t);
  home.expire();
  const begun = Array.from({ length: BRIDGES }, () => connect(t, home, server.url));
  for (const client of await Promise.all(begun)) await assertListed(client);
  assert.equal(refreshes(), 1);
});

// Node and the native program with the same sessions.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { login, token } from '../src/index.js';
import { lock } from '../src/lock.js';
import {
  demoProvider,
  noWeb,
  program,
  realProvider,
  run,
  stateFolder,
  terminal,
  visitorBrowser,
} from './support.js';

const scopes = ['openid', 'offline_access'];
const renew = fileURLToPath(new URL('renew.js', import.meta.url));

function latch(stateDir, client, ...words) {
  const settings = [
    '--issuer',
    client.issuer,
    '--client-id',
    client.clientId,
    ...client.scopes.flatMap((scope) => ['--scope', scope]),
  ];
  return run(program('latch'), [...words, ...settings], {
    LATCH_STATE_DIR: stateDir,
    LATCH_CONFIG_DIR: join(stateDir, '..', 'config'),
    LATCH_STORE: 'file',
  });
}

async function printed(running) {
  const { status, stdout, stderr } = await (await running).done;
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('the native program reads and refreshes a session of Node, and Node reads it again', async (t) => {
  const { issuer } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'demo', scopes };
  const first = await login(client, { stateDir, browser: visitorBrowser(), terminal: terminal() });
  assert.equal(await printed(latch(stateDir, client, 'token')), first.accessToken);
  const second = await printed(latch(stateDir, client, 'token', '--force-refresh'));
  assert.notEqual(second, first.accessToken);
  const held = await token(client, { stateDir });
  assert.equal(held.source, 'cached');
  assert.equal(held.accessToken, second);
  const third = await token(client, { stateDir, forceRefresh: true });
  assert.equal(third.source, 'renewed');
  assert.equal(await printed(latch(stateDir, client, 'token')), third.accessToken);
});

test('Node reads and refreshes a session of the native program', async (t) => {
  const { issuer } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'demo', scopes };
  await printed(latch(stateDir, client, 'login', '--browser', program('visitor')));
  const first = await printed(latch(stateDir, client, 'token'));
  assert.equal((await token(client, { stateDir })).accessToken, first);
  const second = await token(client, { stateDir, forceRefresh: true });
  assert.equal(await printed(latch(stateDir, client, 'token')), second.accessToken);
});

test('processes that refresh at the same time refresh once, Node and native', {
  skip: noWeb,
}, async (t) => {
  const { issuer, log } = await realProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'public', scopes };
  const first = await login(client, { stateDir, browser: visitorBrowser(), terminal: terminal() });
  const file = readdirSync(stateDir).find((name) => name.endsWith('.lock'));
  // All of them have read the same old token when they wait for the lock.
  const held = await lock(join(stateDir, file), 600_000);
  const words = [renew, JSON.stringify({ client, stateDir })];
  const all = await Promise.all([
    run(process.execPath, words),
    run(process.execPath, words),
    latch(stateDir, client, 'token', '--force-refresh'),
  ]);
  await Promise.all(all.map((one) => one.said('Waiting for another process')));
  held.release();
  const ended = await Promise.all(all.map(({ done }) => done));
  for (const { status, stderr } of ended) assert.equal(status, 0, stderr);
  const [one, other] = ended.slice(0, 2).map(({ stdout }) => JSON.parse(stdout));
  assert.equal(one.accessToken, other.accessToken);
  assert.equal(ended[2].stdout.trim(), one.accessToken);
  assert.notEqual(one.accessToken, first.accessToken);
  const refreshes = (await log()).filter(({ grant_type: type }) => type === 'refresh_token');
  assert.equal(refreshes.length, 1);
});

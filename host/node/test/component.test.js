// The login component, and the facts about the machine that this host gives it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { completeClient, completeDemand } from '../src/client.js';
import { Component, fingerprint, load } from '../src/components.js';
import { LatchError, printable } from '../src/error.js';
import { surroundings } from '../src/surroundings.js';

const folder = new URL('../component/', import.meta.url);
const now = () => BigInt(Date.now());
const context = () => ({
  nowMs: now(),
  entropy: Uint8Array.from({ length: 32 }, (_, index) => index),
});
const client = completeClient({ issuer: 'https://id.example', clientId: 'a' });
const demand = completeDemand({});

test('the component is one file that imports nothing', async (t) => {
  const { sha256, bytes } = await fingerprint();
  t.diagnostic(`component: ${bytes} bytes, SHA-256 ${sha256}`);
  const core = await WebAssembly.compile(readFileSync(new URL('login.core.wasm', folder)));
  const imports = WebAssembly.Module.imports(core).map(({ module, name }) => `${module} ${name}`);
  // With these two, the component hands out its sessions and takes them back.
  assert.deepEqual(imports.sort(), [
    '[export]latchstring:login/flow@0.3.0 [resource-drop]session',
    '[export]latchstring:login/flow@0.3.0 [resource-new]session',
  ]);
});

test('the component loads and steps quickly', async (t) => {
  const timed = async (step) => {
    const begun = performance.now();
    const result = await step();
    return [result, performance.now() - begun];
  };
  const [component, first] = await timed(() => Component.load());
  const [, again] = await timed(() => Component.load());
  const [, cold] = await timed(() => component.accountKey(client));
  const [, warm] = await timed(() => {
    for (let turn = 0; turn < 1000; turn += 1) component.accountKey(client);
  });
  const session = component.begin((Session) =>
    Session.login(
      client,
      undefined,
      {
        facts: { ...surroundings(), terminal: true, browserCommand: false, showsAddress: false },
        redirectUri: 'http://127.0.0.1:1/callback',
        patienceMs: 1000n,
      },
      context(),
    ),
  );
  const [action, step] = await timed(() => session.next({ tag: 'begin' }, now()));
  assert.notEqual(action.tag, 'done');
  assert.throws(
    () =>
      component
        .begin((Session) => Session.token(client, undefined, demand, context()))
        .next({ tag: 'begin' }, now()),
    { code: 'login-required' },
  );
  t.diagnostic(
    `load ${first.toFixed(1)} ms, another instance ${again.toFixed(2)} ms, first call ${cold.toFixed(2)} ms, later calls ${(warm / 1000).toFixed(4)} ms, first step of a login ${step.toFixed(2)} ms`,
  );
});

test('failures and traps are errors with a code', async () => {
  const component = await Component.load();
  const session = component.begin((Session) => Session.token(client, undefined, demand, context()));
  assert.throws(
    () => session.next({ tag: 'saved' }, now()),
    (error) => {
      assert(error instanceof LatchError);
      assert.equal(error.code, 'unexpected-reply');
      assert.equal(error.retryable, false);
      return error.remedy.length > 0;
    },
  );
  assert.throws(
    () =>
      component.begin(() => {
        throw new WebAssembly.RuntimeError('unreachable');
      }),
    { code: 'sandbox-fault' },
  );
});

test('the account key is different for settings that ask for another token', async () => {
  const component = await Component.load();
  const key = component.accountKey(client);
  assert.match(key, /^[a-z0-9]+$/);
  assert.equal(component.accountKey({ ...client }), key);
  assert.notEqual(component.accountKey({ ...client, scopes: ['openid'] }), key);
});

test('variables and files say what machine this is', async () => {
  const facts = (environment, files = [], platform = 'linux') =>
    surroundings(environment, (path) => files.includes(path), platform);
  assert.equal(facts({ SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }).remoteShell, true);
  assert.equal(facts({ DISPLAY: ':0' }).display, true);
  assert.equal(facts({}, [], 'darwin').display, true);
  assert.equal(facts({ CI: 'true' }).unattended, true);
  assert.equal(facts({ CI: 'false' }).unattended, false);
  assert.equal(facts({ TF_BUILD: 'True' }).unattended, true);
  assert.equal(facts({}, ['/.dockerenv']).container, true);
  assert.equal(
    facts({ WSL_INTEROP: '/run/x' }, ['/proc/sys/fs/binfmt_misc/WSLInterop']).windowsInterop,
    true,
  );
  assert.equal(facts({ WSL_INTEROP: '/run/x' }).windowsInterop, false);
  assert.equal(facts({ CODESPACES: 'true', BROWSER: '/helper.sh' }).editorTerminal, true);
  assert.deepEqual(Object.values(facts({ DISPLAY: '', CI: '' })), [
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
  const { root } = await load('login');
  const { chooseFlow } = root.flow;
  const rest = { terminal: true, browserCommand: false, showsAddress: false };
  assert.equal(chooseFlow({ ...facts({ DISPLAY: ':0' }), ...rest }).flow, 'browser');
  assert.equal(chooseFlow({ ...facts({ CI: '1' }), ...rest, terminal: false }).flow, undefined);
});

test('characters that reorder or hide text become escapes', () => {
  assert.equal(printable('a\u001b[2J\n\u202eb\u{e0041}'), 'a\\u{1b}[2J\\u{a}\\u{202e}b\\u{e0041}');
});

// The hostile component plays every part of `testing/hostile/denied.json`. Each ends with the same
// error as on the native host.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { transpileBytes } from '@bytecodealliance/jco-transpile';

import { Component, load } from '../src/components.js';
import { login, logout, token } from '../src/index.js';
import { program, stateFolder, terminal } from './support.js';

const TABLE = new URL('../../../testing/hostile/denied.json', import.meta.url);
const ISSUER = 'https://id.example';
const REDIRECT_URI = 'http://127.0.0.1:8000/callback';

/** Turns the hostile component into JavaScript, as `build.mjs` does with the login component. */
async function transpiled(folder) {
  const { stdout } = spawnSync(program('hostile-component'), { maxBuffer: 1 << 24 });
  const { files } = await transpileBytes(new Uint8Array(stdout), {
    name: 'hostile',
    instantiation: 'async',
    outDir: folder,
    wasiShim: false,
    noComponentErrorWrapping: true,
  });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return pathToFileURL(`${folder}/`);
}

test('a hostile component is stopped', async (t) => {
  const home = stateFolder(t);
  const folder = await transpiled(join(home, '..', 'hostile'));
  // The files are ES modules.
  await writeFile(new URL('package.json', folder), '{"type":"module"}');
  t.mock.method(Component, 'load', async () => {
    const { root, memories } = await load('hostile', folder);
    return new Component(root.flow, memories);
  });
  for (const group of JSON.parse(await readFile(TABLE))) {
    // JavaScript cannot stop a step that runs, and this host has no call for `describe`.
    if (group['stopped-by'] !== 'host' || group.occasion === 'status') continue;
    for (const [part, words] of Object.entries(group.parts)) {
      await t.test(part, () => stopped(home, group, part, words));
    }
  }
});

async function stopped(stateDir, { occasion, code }, part, words) {
  const sent = [];
  const opened = [];
  const screen = terminal();
  let kept;
  const memory = () => ({
    place: 'memory',
    read: () => kept,
    write: (bytes) => {
      kept = bytes;
    },
    delete: () => {
      kept = undefined;
    },
    probe: () => {},
    lock: async () => ({ release: async () => {} }),
  });
  const client = { issuer: ISSUER, clientId: part, endpoints: { token: `${ISSUER}/token` } };
  let sleptMs = 0;
  const options = {
    stateDir,
    store: memory,
    terminal: screen,
    clock: {
      nowMs: () => 4_000_000_000_000 + sleptMs,
      // Returns at once, and counts the time as passed.
      sleep: async (ms) => {
        sleptMs += ms;
      },
    },
    send: async ({ url }) => {
      sent.push(url);
      return { tag: 'ok', val: { status: 200, headers: [], body: new TextEncoder().encode('{}') } };
    },
    browser: (url) => {
      opened.push(url);
    },
    listen: async () => ({
      redirectUri: REDIRECT_URI,
      tellsPeers: true,
      arrival: () => new Promise(() => {}),
      take: () => undefined,
      close: async () => {},
    }),
  };
  const operation = { login, logout }[occasion] ?? token;
  await assert.rejects(operation(client, options), (error) => {
    assert.equal(error.code, code, error.message);
    assert(error.message.includes(words), error.message);
    return true;
  });
  if (code !== 'egress-denied') return;
  assert.deepEqual([sent, opened], [[], []]);
  assert(!/evil|:\/\//.test(screen.text), screen.text);
}

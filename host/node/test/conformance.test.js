// The conformance kit: replays each recorded session with the component alone, and with this
// host's loop.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { fingerprint } from '../src/components.js';
import { difference, readTranscript, replay } from './replay.js';
import { isForLoops, play } from './script.js';
import { program, run, stateFolder } from './support.js';

const kit = new URL('../../../testing/conformance/', import.meta.url);
const names = readdirSync(kit)
  .filter((name) => name.endsWith('.json'))
  .sort();
const read = (name) => JSON.parse(readFileSync(new URL(name, kit)));

/** Returns a copy with a change at `path`. */
function changed(transcript, path, change) {
  const copy = structuredClone(transcript);
  const last = path.at(-1);
  const parent = path.slice(0, -1).reduce((value, name) => value[name], copy);
  parent[last] = change(parent[last]);
  return copy;
}

/** Returns the paths to all values that contain no other values. */
function leaves(value, path = []) {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]));
}

/** Returns another value of the same type. */
function other(value) {
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'number') return value + 1;
  return typeof value === 'boolean' ? !value : 'something';
}

test('there is a kit', () => {
  assert(names.length > 0);
  assert(names.some((name) => isForLoops(read(name))));
});

for (const name of names) {
  test(`${name}: the component does what was recorded`, async () => {
    assert.equal(difference(read(name), await replay(read(name))), undefined);
  });

  test(`${name}: every action and failure is compared`, async () => {
    const found = await replay(read(name));
    const outcomes = leaves(read(name)).filter(
      ([at, , what]) =>
        at === 'failure' || (at === 'steps' && (what === 'action' || what === 'failure')),
    );
    assert(outcomes.length > 0);
    for (const path of outcomes) {
      assert.notEqual(
        difference(changed(read(name), path, other), found),
        undefined,
        path.join('.'),
      );
    }
    if (found.steps.length === 0) return;
    assert.match(difference({ ...found, steps: found.steps.slice(1) }, found), /^steps/);
  });

  if (isForLoops(read(name))) test(`${name}: the loop replies as recorded`, () => play(read(name)));
}

test('other entropy or another redirect changes the rest of a login', async () => {
  const logins = names
    .map(read)
    .filter(
      ({ open, steps }) =>
        open.login && isForLoops({ steps }) && steps.some(({ reply }) => reply.redirected),
    );
  assert(logins.length > 0);
  for (const login of logins) {
    const entropy = ['open', 'login', 'context', 'entropy'];
    const more = changed(login, entropy, () => ({ text: '0123456789abcdef0123456789ABCDEF' }));
    assert.match(difference(more, await replay(more)), /^steps\[\d+\]\.action/);
    const at = login.steps.findIndex(({ reply }) => reply.redirected);
    const forged = changed(
      login,
      ['steps', at, 'reply', 'redirected'],
      () => '/callback?code=a&state=b',
    );
    // If the redirect failed already, it may fail in the same way.
    const stays = difference(forged, await replay(forged));
    assert.equal(stays === undefined, login.steps[at].action?.authorize !== undefined);
  }
});

test('a recording may break off', async () => {
  for (const transcript of names.map(read).filter(isForLoops)) {
    const steps = transcript.steps.slice(0, -1);
    if (steps.length > 0) await play({ ...transcript, steps });
  }
});

test('a wrong reply of the loop is noticed, whichever reply it is', async () => {
  const tried = new Set();
  for (const file of names.filter((one) => isForLoops(read(one)))) {
    const { steps } = read(file);
    for (const [at, { reply }] of steps.entries()) {
      const [name, payload] = typeof reply === 'string' ? [reply] : Object.entries(reply)[0];
      const kind = name === 'answered' ? Object.keys(payload)[0] : name;
      if (tried.has(kind)) continue;
      tried.add(kind);
      const strange = kind === 'saved' ? 'probed' : 'saved';
      await assert.rejects(
        play(changed(read(file), ['steps', at, 'reply'], () => strange)),
        `${file} at steps[${at}]`,
      );
    }
  }
  assert(tried.size > 5, [...tried].join());
});

test('a damaged transcript or a newer one is refused, and the error says why', async (t) => {
  const name = names.find((one) => read(one).open.login && read(one).steps.length > 1);
  const login = read(name);
  const rows = [
    [['transcript'], () => 2, /has format 2; this version reads up to 1/],
    [['transcript'], () => '1', /transcript is not the format's number/],
    [['contract'], () => 'latchstring:login@9.0.0', /contract is not latchstring:login@0\.3\.0/],
    [['open'], () => null, /open is not an object/],
    [['open'], () => ({}), /open is not the name of a case, or an object with one/],
    [['open'], (open) => ({ ...open, token: {} }), /open is not the name of a case/],
    [['open'], () => ({ logon: {} }), /open is not one of login, token, logout, adopt/],
    [
      ['open', 'login', 'context', 'now-ms'],
      () => 2 ** 53,
      /now-ms is not a whole number below 2\^53/,
    ],
    [['steps'], () => null, /steps is not a list/],
    [['steps', 0, 'reply'], () => 7.5, /reply is not a whole number/],
    [
      ['steps', 0, 'failure'],
      () => ({}),
      /steps\[0\] is not a reply with its action or its failure/,
    ],
  ];
  for (const [path, change, message] of rows) {
    await assert.rejects(
      replay(changed(login, path, change)),
      { code: 'invalid-configuration', message },
      path.join('.'),
    );
  }
  for (const none of [undefined, null, [], 'text', 1]) {
    await assert.rejects(replay(none), { code: 'invalid-configuration' });
  }
  for (const [path, change, message] of [
    [['open', 'login', 'client', 'issuer'], () => 7, /^failure: /],
    [['open', 'login', 'client', 'protocol'], () => 'other', /^failure: /],
    [['open', 'login', 'context', 'entropy'], () => ({ base64: '?' }), /^open\.login\.context/],
    [['steps', 0, 'reply'], () => 'good-bye', /^steps\[0\]\./],
  ]) {
    const damaged = changed(login, path, change);
    assert.match(difference(damaged, await replay(damaged)), message, path.join('.'));
  }
  await assert.rejects(readTranscript(join(stateFolder(t), 'none')), {
    code: 'invalid-configuration',
    message: /ENOENT/,
  });
});

test('numbers up to 2^53 and bytes that are not text stay the same', async () => {
  const name = names.find((one) => read(one).open.token && read(one).steps.length === 1);
  const most = changed(
    read(name),
    ['open', 'token', 'demand', 'min-ttl-ms'],
    () => Number.MAX_SAFE_INTEGER,
  );
  assert.equal((await replay(most)).open.token.demand['min-ttl-ms'], Number.MAX_SAFE_INTEGER);
  const stored = { base64: Buffer.from([0xff, 0, 0x80]).toString('base64') };
  const binary = changed(read(name), ['open', 'token', 'stored'], () => stored);
  assert.deepEqual((await replay(binary)).open.token.stored, stored);
});

test('a number that JSON cannot hold exactly is refused', async () => {
  const late = names.map(read).find(({ steps }) => steps.some(({ action }) => action?.present));
  for (const step of late.steps) step['now-ms'] = Number.MAX_SAFE_INTEGER;
  // The expiry of the code does not fit into such a number.
  await assert.rejects(replay(late), {
    code: 'invalid-configuration',
    message: /a number is not below 2\^53/,
  });
});

test('the player replays a file', async (t) => {
  const [name] = names;
  const player = fileURLToPath(new URL('play.js', import.meta.url));
  const play = (file) => run(process.execPath, [player, file]).then(({ done }) => done);
  const same = await play(fileURLToPath(new URL(name, kit)));
  assert.equal(same.status, 0, same.stderr);
  assert.equal(difference(read(name), JSON.parse(same.stdout)), undefined);

  const folder = join(stateFolder(t), '..');
  const other = join(folder, 'other.json');
  writeFileSync(other, JSON.stringify(changed(read(name), ['transcript'], () => 2)));
  const newer = await play(other);
  assert.equal(newer.status, 1);
  assert.match(newer.stderr, /format 2/);
  const first = leaves(read(name)).find(
    (path) => path.includes('action') || path.includes('failure'),
  );
  writeFileSync(other, JSON.stringify(changed(read(name), first, () => 'something')));
  const different = await play(other);
  assert.equal(different.status, 1);
  assert.match(different.stderr, /not as recorded: (steps|failure).*expected "something"/);
  assert.equal(different.stdout, '');
  writeFileSync(other, '{');
  assert.match((await play(other)).stderr, /is not JSON/);
});

test('the command line shows the hash of the component', async () => {
  const cli = fileURLToPath(new URL('../cli.mjs', import.meta.url));
  const { sha256, bytes } = await fingerprint();
  const shown = await (await run(process.execPath, [cli, 'component'])).done;
  assert.equal(shown.stdout, `${sha256} ${bytes}\n`);
  const native = await (await run(program('latch'), ['component', '--json'])).done;
  assert.equal(JSON.parse(native.stdout).sha256, sha256);
});

// Stored sessions and their lock.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { loadRules } from '../src/components.js';
import { login, token } from '../src/index.js';
import { HELPERS, lock } from '../src/lock.js';
import * as session from '../src/session.js';
import { defaultFolder, FileStore } from '../src/store.js';
import { demoProvider, stateFolder, terminal, visitorBrowser } from './support.js';

const rules = await loadRules();
const bytes = Buffer.from('a session');

function store(t) {
  const folder = stateFolder(t);
  return { folder, store: new FileStore(rules, folder, rules.fileStem('default', 'abc')) };
}

test('what is written can be read, replaced and deleted', (t) => {
  const { folder, store: kept } = store(t);
  assert.equal(kept.read(), undefined);
  kept.write(bytes);
  kept.write(Buffer.from('another'));
  assert.equal(kept.read().toString(), 'another');
  assert.deepEqual(fs.readdirSync(folder), ['default.abc.session']);
  kept.delete();
  kept.delete();
  assert.equal(kept.read(), undefined);
});

test('no two profiles share a file even if capitals are small letters', (t) => {
  const { folder } = store(t);
  for (const [profile, stem] of [
    ['work', 'work'],
    ['Work', '+work'],
    ['WORK', '+w+o+r+k'],
    ['my-Work_2', 'my-+work_2'],
    ['con', 'con+'],
    ['Con', '+con'],
    ['com1', 'com1+'],
    ['lpt0', 'lpt0+'],
    ['com10', 'com10'],
    ['console', 'console'],
  ]) {
    const { place } = new FileStore(rules, folder, rules.fileStem(profile, 'a1'));
    assert.equal(place, join(folder, `${stem}.a1.session`));
  }
});

test('modes are private whatever the umask', (t) => {
  const before = process.umask(0o777);
  t.after(() => process.umask(before));
  const { folder, store: kept } = store(t);
  fs.chmodSync(join(folder, '..'), 0o700);
  kept.write(bytes);
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  assert.equal(fs.statSync(kept.place).mode & 0o777, 0o600);
});

test('files that others can access are refused, and links are not followed', (t) => {
  const { folder, store: kept } = store(t);
  kept.write(bytes);
  fs.chmodSync(kept.place, 0o640);
  assert.throws(() => kept.read(), {
    code: 'store-unusable',
    message: /open to other users \(mode 640\)/,
  });
  fs.chmodSync(kept.place, 0o600);
  fs.chmodSync(folder, 0o755);
  assert.throws(() => kept.read(), { code: 'store-unusable' });
  assert.throws(() => kept.probe(), { code: 'store-unusable' });
  fs.chmodSync(folder, 0o700);
  fs.renameSync(kept.place, join(folder, 'elsewhere'));
  fs.symlinkSync('elsewhere', kept.place);
  assert.throws(() => kept.read(), { code: 'store-unusable', message: /symbolic link/ });
});

test('a probe leaves nothing, and a write removes what a dead writer left', (t) => {
  const { folder, store: kept } = store(t);
  kept.probe();
  assert.deepEqual(fs.readdirSync(folder), []);
  fs.writeFileSync(join(folder, '.default.abc.Xy12.tmp'), 'tokens');
  fs.writeFileSync(join(folder, '.default.abcd.Xy12.tmp'), 'of another account');
  kept.write(bytes);
  assert.deepEqual(fs.readdirSync(folder).sort(), [
    '.default.abcd.Xy12.tmp',
    'default.abc.session',
  ]);
});

test('a profile that cannot be part of a file name is refused', async () => {
  const client = { issuer: 'https://id.example', clientId: 'demo' };
  for (const profile of ['', '..', 'a/b', 'a.b', 'registration+', 'a'.repeat(65)]) {
    await assert.rejects(token(client, { stateDir: '/nowhere', profile }), {
      code: 'invalid-configuration',
    });
  }
  assert.match(defaultFolder(), /latchstring/);
});

test('a session that is cut short anywhere is damaged, and a newer one is not', () => {
  const sealed = session.seal(rules, {
    origins: ['https://id.example'],
    bytes: Buffer.from('{"a":"\\n"}\n{}'),
  });
  assert.equal(
    sealed.toString(),
    '{"latchstring":1,"origins":["https://id.example"],"bytes":13}\n{"a":"\\n"}\n{}',
  );
  const opened = session.open(rules, sealed, 'here');
  assert.deepEqual(opened.origins, ['https://id.example']);
  assert.equal(Buffer.from(opened.bytes).toString(), '{"a":"\\n"}\n{}');
  for (let end = 0; end < sealed.length; end += 1) {
    assert.throws(() => session.open(rules, sealed.subarray(0, end), 'x'), {
      code: 'stored-damaged',
      message: /in x /,
    });
  }
  const newer = Buffer.from('{"latchstring":2,"new":true}\nx');
  assert.throws(() => session.open(rules, newer, 'x'), { code: 'stored-newer' });
  const encrypted = Buffer.from('age-encryption.org/v1\n...');
  assert.throws(() => session.open(rules, encrypted, 'x'), {
    code: 'store-unusable',
    message: /encrypted/,
  });
});

test('origins that no host pins are refused as damage', () => {
  const open = (origins) =>
    session.open(
      rules,
      Buffer.from(`{"latchstring":1,"origins":${JSON.stringify(origins)},"bytes":1}\nx`),
      'x',
    );
  assert.equal(
    open(['https://id.example', 'http://127.0.0.1:8080', 'https://[::1]:8443']).origins.length,
    3,
  );
  for (const strange of [
    'http://id.example',
    'https://id.example/',
    'https://id.example:443',
    'https://ID.example',
    'https://me@id.example',
    'file:///etc/passwd',
    '*',
    '',
    7,
  ]) {
    assert.throws(
      () => open(['https://id.example', strange]),
      { code: 'stored-damaged' },
      String(strange),
    );
  }
});

test('a login sets a damaged session aside', async (t) => {
  const { issuer } = await demoProvider(t);
  const stateDir = stateFolder(t);
  const client = { issuer, clientId: 'demo', scopes: ['openid'] };
  const options = { stateDir, browser: visitorBrowser(), terminal: terminal() };
  await login(client, options);
  const name = fs.readdirSync(stateDir).find((one) => one.endsWith('.session'));
  for (const damage of [
    '{"latchstring":1,"origins":[],"bytes":9}\n',
    '{"latchstring":1,"origins":[],"bytes":3}\n{}x',
  ]) {
    fs.writeFileSync(join(stateDir, name), damage);
    await assert.rejects(token(client, { stateDir }), {
      code: 'stored-damaged',
      message: /\.session/,
    });
    assert.equal((await login(client, options)).source, 'login');
  }
  const aside = fs.readdirSync(stateDir).filter((one) => one.includes('.damaged'));
  assert.equal(aside.length, 2);
});

// The default, and each helper alone.
const ways = {
  default: undefined,
  ...Object.fromEntries(HELPERS.map((helper) => [helper[0], [helper]])),
};
test('without a program that locks, there is no lock', {
  skip: process.platform === 'win32',
}, async (t) => {
  const path = join(stateFolder(t), '..', 'a.lock');
  await assert.rejects(lock(path, 5_000, undefined, [['/nowhere/flock']]), {
    code: 'store-unusable',
    message: /neither flock nor perl/,
    remedy: /install/,
  });
});

for (const [way, helpers] of Object.entries(ways)) {
  test(`a lock is held by one at a time (helper: ${way})`, async (t) => {
    const path = join(stateFolder(t), '..', 'a.lock');
    const first = await lock(path, 600_000, undefined, helpers);
    await assert.rejects(lock(path, 150, undefined, helpers), {
      code: 'store-unusable',
      retryable: true,
    });
    const given = AbortSignal.timeout(100);
    await assert.rejects(lock(path, 600_000, given, helpers), { name: /AbortError|TimeoutError/ });
    const order = [];
    const second = lock(path, 600_000, undefined, helpers).then((held) => {
      order.push('held');
      return held;
    });
    // Begins to wait later than the second, and gives up earlier.
    await assert.rejects(lock(path, 150, undefined, helpers), { code: 'store-unusable' });
    order.push('released');
    first.release();
    (await second).release();
    assert.deepEqual(order, ['released', 'held']);
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
  });

  test(`a process that is killed leaves no lock behind (helper: ${way})`, async (t) => {
    const path = join(stateFolder(t), '..', 'a.lock');
    const script = `import { lock } from ${JSON.stringify(new URL('../src/lock.js', import.meta.url).href)};
      await lock(process.argv[1], 600_000, undefined, ${JSON.stringify(helpers)});
      console.log('held');
      setInterval(() => {}, 1_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const waiting = lock(path, 600_000, undefined, helpers);
    child.kill('SIGKILL');
    (await waiting).release();
  });
}

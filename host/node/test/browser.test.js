// How the user's browser is started, and what it gets.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { commandBrowser, launch, launchers, systemBrowser } from '../src/browser.js';
import { login } from '../src/index.js';
import { demoProvider, stateFolder, terminal, until, visitor } from './support.js';

const address = 'http://127.0.0.1:8000/latchstring/start?ticket=a-b_c';
const isWindows = process.platform === 'win32';

/** The words of a shell command that writes `text` to a file, and a wait for that file. */
function recorder(t, text) {
  const folder = join(stateFolder(t), '..');
  const [script, seen] = [join(folder, 'browser.sh'), join(folder, 'seen')];
  writeFileSync(script, `printf %s "${text}" > '${seen}.part' && mv '${seen}.part' '${seen}'`);
  return {
    words: ['sh', script],
    seen: () => until(() => existsSync(seen) && readFileSync(seen, 'utf8')),
  };
}

/** Sets an environment variable until the test ends. */
function setVariable(t, name, value) {
  const before = process.env[name];
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
  process.env[name] = value;
}

test('commands in BROWSER come first, then the launchers of the desktop', () => {
  const words = (environment, platform) =>
    launchers(environment, platform).map((one) => one.words.join(' '));
  assert.deepEqual(words({ BROWSER: 'firefox --new %s::w3m' }, 'linux'), [
    'firefox --new %s',
    'w3m %s',
    'wslview %s',
  ]);
  assert.equal(words({ DISPLAY: ':0' }, 'linux')[0], 'xdg-open %s');
  assert.deepEqual(words({}, 'win32'), ['rundll32.exe url.dll,FileProtocolHandler %s']);
});

test('a browser in BROWSER gets the URL unchanged', { skip: isWindows }, async (t) => {
  const { words, seen } = recorder(t, '$1');
  setVariable(t, 'BROWSER', `${words.join(' ')} %s`);
  const url = "https://id.example/?a=$&b=$'c";
  await systemBrowser(url);
  assert.equal(await seen(), url);
});

const secrets = ['LATCH_CLIENT_SECRET', 'LATCH_INITIAL_ACCESS_TOKEN', 'LATCH_PASSPHRASE'];

test('a browser does not inherit secrets', { skip: isWindows }, async (t) => {
  const { words, seen } = recorder(t, `secret: ${secrets.map((name) => `$${name}`).join('')}`);
  for (const name of secrets) setVariable(t, name, 'a');
  await commandBrowser(words)('https://id.example/');
  assert.equal(await seen(), 'secret: ');
});

test('a missing program is named', async () => {
  await assert.rejects(async () => commandBrowser(['/nowhere/browser'])('https://id.example/'), {
    code: 'host-fault',
    message: 'cannot start the browser /nowhere/browser: ENOENT',
    remedy: /another browser/,
  });
});

test('a browser that exits with an error is told, and the login goes on', {
  skip: isWindows,
}, async (t) => {
  const { issuer } = await demoProvider(t);
  const said = terminal();
  const pending = login(
    { issuer, clientId: 'demo', scopes: ['openid'] },
    { stateDir: stateFolder(t), browser: ['false'], terminal: said },
  );
  const failed =
    'The browser failed (cannot start the browser false: it ended with exit status: 1). Open the address above.';
  await until(() => said.text.includes(failed));
  await visitor(said.address);
  assert.equal((await pending).source, 'login');
});

test('if users cannot be told apart, the address is only in a private file', async () => {
  const opened = [];
  const files = [];
  const browser = Object.assign((url) => void opened.push(url), {
    openFile: (url) => void files.push(url),
  });
  const launched = await launch(browser, address, false, 'linux');
  assert.deepEqual(opened, []);
  assert.equal(launched.opened, 'file');
  const path = fileURLToPath(files[0]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  assert(readFileSync(path, 'utf8').includes(`content="0; url=${address}"`));
  launched.end();
  assert(!existsSync(dirname(path)));
});

test('otherwise the browser gets the address itself', async () => {
  const opened = [];
  const browser = (url) => void opened.push(url);
  const withFile = Object.assign((url) => void opened.push(url), {
    openFile: () => assert.fail('a file'),
  });
  await launch(browser, address, false, 'linux');
  await launch(withFile, address, true, 'linux');
  // Other users cannot read command lines there.
  await launch(withFile, address, false, 'win32');
  assert.deepEqual(opened, [address, address, address]);
});

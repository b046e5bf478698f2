// Runs the official conformance suite's scenarios of logins: `node conformance.mjs [WORD]`.
//
// Every scenario whose name begins with `auth/`, at every revision that the suite lists for
// it; with WORD only those that have it in their name. Each has ports of its own, so several
// run at once.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const SUITE = join(
  import.meta.dirname,
  'node_modules/@modelcontextprotocol/conformance/dist/index.js',
);

/** What the suite lists as the revision of a scenario that belongs to none. */
const EXTENSION = 'extension';

const TIME_LIMIT_MS = '60000';

/** Runs the suite with these arguments. Returns its exit code and everything that it printed. */
async function suite(...words) {
  const child = spawn(process.execPath, [SUITE, ...words], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, printed };
}

/** Returns the scenarios of logins with the revisions at which each runs, as the suite lists them. */
async function listed() {
  const { status, printed } = await suite('list', '--client');
  if (status !== 0) throw new Error(`the suite lists no scenarios: ${printed}`);
  const lines = printed.matchAll(/^ +- (auth\/\S+) \[(.+)\]$/gm);
  return new Map([...lines].map(([, name, revisions]) => [name, revisions.split(',')]));
}

async function run([name, revision]) {
  const { status, printed } = await suite(
    'client',
    ...['--command', `'${process.execPath}' client.mjs`],
    ...['--scenario', name],
    ...(revision === EXTENSION ? [] : ['--spec-version', revision]),
    ...['--timeout', TIME_LIMIT_MS],
  );
  const [, passed] = /^Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings$/m.exec(printed) ?? [];
  const [summary] = /^Passed: .*$/m.exec(printed) ?? ['the suite did not finish'];
  const isPassed = status === 0 && passed !== undefined;
  if (!isPassed) console.log(printed);
  console.log(`${isPassed ? 'ok' : 'FAILED'}  ${name} at ${revision}: ${summary}`);
  return isPassed;
}

const scenarios = await listed();
const word = process.argv[2] ?? '';
const runs = [...scenarios]
  .filter(([name]) => name.includes(word))
  .flatMap(([name, revisions]) => revisions.map((revision) => [name, revision]));
if (runs.length === 0) throw new Error(`no scenario of logins has ${word} in its name`);

let passed = 0;
const waiting = [...runs];
async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (await run(next)) passed += 1;
  }
}
// A scenario mostly waits for its other processes.
await Promise.all(Array.from({ length: 2 * availableParallelism() }, work));

console.log(`${passed} of ${runs.length} passed`);
process.exitCode = passed === runs.length ? 0 : 1;

// Measures the components on this host: node bench.mjs ISSUER CLIENT_ID SESSION_FILE
//
// Prints two times in nanoseconds: from the start to the first result of a session, and for each
// further session of one step.

import { readFileSync } from 'node:fs';

const SESSIONS = 2_000;

const [issuer, clientId, file] = process.argv.slice(2);
const begun = process.hrtime.bigint();
const { Component, loadRules } = await import('./src/components.js');
const [component, rules] = await Promise.all([Component.load(), loadRules()]);
const { completeClient, completeDemand } = await import('./src/client.js');
const { open } = await import('./src/session.js');
const { bytes: stored } = open(rules, readFileSync(file), file);

const client = completeClient({ issuer, clientId });
const demand = completeDemand({});
const nowMs = BigInt(Date.now());
const entropy = Uint8Array.from({ length: 32 }, (_, index) => index);

function session() {
  const opened = component.begin((Session) =>
    Session.token(client, stored, demand, { nowMs, entropy }),
  );
  const { tag } = opened.next({ tag: 'begin' }, nowMs);
  if (tag !== 'done') {
    throw new Error(`expected the stored token to be valid; the component asked for ${tag}`);
  }
}

session();
const loaded = process.hrtime.bigint();
for (let count = 0; count < SESSIONS; count += 1) session();
const stepped = process.hrtime.bigint();
console.log(`${loaded - begun} ${(stepped - loaded) / BigInt(SESSIONS)}`);

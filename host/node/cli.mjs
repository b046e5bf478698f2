#!/usr/bin/env node

// A small command line. LATCH_STATE_DIR is the folder of the sessions, and LATCH_BROWSER the
// command that starts the browser.

import { printable } from './src/error.js';
import { fingerprint, LatchError, login, logout, token } from './src/index.js';
import { replayFile } from './src/replay.js';

const { LATCH_STATE_DIR: stateDir, LATCH_BROWSER: browser } = process.env;
const options = { stateDir, browser: browser?.split(' ') };
const [command, issuer, clientId, ...scopes] = process.argv.slice(2);
const client = { issuer, clientId, scopes };
// Escapes everything but printable ASCII and newlines: the text may come from a provider.
const json = (value) =>
  JSON.stringify(value, undefined, 2).replace(
    /[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
const commands = {
  login: async () => {
    const { claims } = await login(client, options);
    console.error(printable(`Logged in as ${claims?.name ?? claims?.sub ?? 'an unnamed user'}`));
  },
  token: async () => console.log((await token(client, options)).accessToken),
  logout: async () => {
    const { wasLoggedIn } = await logout(client, options);
    console.error(wasLoggedIn ? 'Logged out' : 'There was no session');
  },
  component: async () => console.log(Object.values(await fingerprint()).join(' ')),
  replay: async () => console.log(json(await replayFile(issuer))),
};
const words = { login: 2, token: 2, logout: 2, component: 0, replay: 1 }[command];
if (!(process.argv.length >= 3 + words)) {
  console.error(
    'usage: node cli.mjs login|token|logout ISSUER CLIENT_ID [SCOPE...]\n       node cli.mjs component | replay TRANSCRIPT',
  );
  process.exit(2);
}
try {
  await commands[command]();
} catch (error) {
  if (!(error instanceof LatchError)) throw error;
  console.error(`${error.code}: ${error.message}\nwhat to do: ${error.remedy}`);
  process.exitCode = 1;
}

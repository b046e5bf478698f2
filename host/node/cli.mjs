#!/usr/bin/env node

// A small command line. LATCH_STATE_DIR is the folder of the sessions, and LATCH_BROWSER the
// command that starts the browser.

import { printable } from './src/error.js';
import { fingerprint, LatchError, login, logout, token } from './src/index.js';

const { LATCH_STATE_DIR: stateDir, LATCH_BROWSER: browser } = process.env;
const options = { stateDir, browser: browser?.split(' ') };
const [command, issuer, clientId, ...scopes] = process.argv.slice(2);
const client = { issuer, clientId, scopes };
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
};
if (!Object.hasOwn(commands, command) || (command !== 'component' && clientId === undefined)) {
  console.error('usage: node cli.mjs login|token|logout ISSUER CLIENT_ID [SCOPE...]');
  console.error('       node cli.mjs component');
  process.exit(2);
}
try {
  await commands[command]();
} catch (error) {
  if (!(error instanceof LatchError)) throw error;
  console.error(`${error.code}: ${error.message}\nwhat to do: ${error.remedy}`);
  process.exitCode = 1;
}

#!/usr/bin/env node
// A sample: node cli.mjs login|token|logout ISSUER CLIENT_ID [SCOPE...]
// LATCH_STATE_DIR says where sessions are kept, LATCH_BROWSER what starts a browser.

import { LatchError, login, logout, token } from './src/index.js';

const { LATCH_STATE_DIR: stateDir, LATCH_BROWSER: browser } = process.env;
const [command, issuer, clientId, ...scopes] = process.argv.slice(2);
const commands = {
  login: async (client, options) => {
    const { claims } = await login(client, { ...options, browser: browser?.split(' ') });
    console.error(`Logged in as ${claims?.name ?? claims?.sub ?? 'somebody'}`);
  },
  token: async (client, options) => console.log((await token(client, options)).accessToken),
  logout: async (client, options) => {
    const { wasLoggedIn } = await logout(client, options);
    console.error(wasLoggedIn ? 'Logged out' : 'Nobody was logged in');
  },
};
if (!(command in commands) || !clientId) {
  console.error('usage: node cli.mjs login|token|logout ISSUER CLIENT_ID [SCOPE...]');
  process.exit(2);
}
try {
  await commands[command]({ issuer, clientId, scopes }, { stateDir });
} catch (error) {
  if (!(error instanceof LatchError)) throw error;
  console.error(`${error.code}: ${error.message}\nwhat to do: ${error.remedy}`);
  process.exitCode = 1;
}

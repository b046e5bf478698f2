// A program that refreshes a token and prints it as JSON.

import { token } from '../src/index.js';

const { client, stateDir } = JSON.parse(process.argv[2]);
const { accessToken, source } = await token(client, { stateDir, forceRefresh: true });
console.log(JSON.stringify({ accessToken, source }));

// A program that gets a signal when its provider has answered a refresh.

import { send } from '../src/http.js';
import { token } from '../src/index.js';

const { client, stateDir, signal } = JSON.parse(process.argv[2]);
await token(client, {
  stateDir,
  forceRefresh: true,
  send: async (request, permit) => {
    const reply = await send(request, permit);
    if (request.url.endsWith('/token')) process.kill(process.pid, signal);
    return reply;
  },
});
console.log('went on');

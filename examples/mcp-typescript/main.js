// Lists the tools of an MCP server, and calls one: node main.js URL [TOOL [ARGUMENTS]]
//
// The SDK gets a `fetch` that adds the token. A server that refuses a request says in its
// challenge (RFC 6750 §3) what it would take.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LatchError, loginTo, tokenFor } from 'latchstring';

/** The statuses of a request without a good token, and of one whose token has too few scopes. */
const REFUSALS = [401, 403];

/** Returns a `fetch` for the MCP server at this URL, which logs the user in if that is required. */
function fetchFor(url) {
  const send = (target, init, token) => {
    const headers = new Headers(init?.headers);
    for (const [name, value] of Object.entries(token?.headers ?? {})) headers.set(name, value);
    return fetch(target, { ...init, headers });
  };
  return async (target, init) => {
    // A server that needs no token gets none.
    const response = await send(target, init, await storedToken(url));
    const challenge = response.headers.get('www-authenticate');
    if (!REFUSALS.includes(response.status) || challenge === null) return response;
    await response.body?.cancel();
    const token = (await storedToken(url, challenge)) ?? (await loginTo(url, { challenge }));
    return send(target, init, token);
  };
}

/** Returns the stored token, refreshed if needed, or `undefined` if the user has to log in. */
async function storedToken(url, challenge) {
  try {
    return await tokenFor(url, challenge);
  } catch (error) {
    if (error instanceof LatchError && error.code === 'login-required') return undefined;
    throw error;
  }
}

const [url, tool, words = '{}'] = process.argv.slice(2);
if (url === undefined) {
  console.error('usage: node main.js URL [TOOL [ARGUMENTS]]');
  process.exit(2);
}
const client = new Client({ name: 'latchstring-example', version: '1.0.0' });
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: fetchFor(url) }));
  if (tool === undefined) {
    for (const { name, description } of (await client.listTools()).tools) {
      console.log(`${name}: ${description}`);
    }
  } else {
    const { content } = await client.callTool({ name: tool, arguments: JSON.parse(words) });
    console.log(content.map(({ text }) => text).join('\n'));
  }
} catch (error) {
  if (!(error instanceof LatchError)) throw error;
  console.error(`${error.code}: ${error.message}\nwhat to do: ${error.remedy}`);
  process.exitCode = 1;
} finally {
  await client.close();
}

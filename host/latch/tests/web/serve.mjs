// A server on a free port of 127.0.0.1 that tells what it saw under /__log.

import { once } from 'node:events';
import { createServer } from 'node:http';

// Standard output belongs to whoever started this: it reads one line there.
console.info = console.error;

// Prints `issuer URL` once `begin` has made a request handler for that URL, and
// serves until standard input closes, so that nothing outlives a test.
export async function serve(begin) {
  const log = [];
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const answer = await begin(issuer, (seen) => log.push(seen));
  server.on('request', (request, response) => {
    if (request.url === '/__log') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(log));
    } else {
      answer(request, response);
    }
  });
  process.stdin.resume().once('close', () => process.exit());
  process.stdout.write(`issuer ${issuer}\n`);
}

// How a client authenticated at an endpoint (OpenID Connect Core §9).
export function authentication(headers, body) {
  if (headers.authorization?.startsWith('Basic ')) return 'client_secret_basic';
  if (body?.client_assertion !== undefined) return 'client_assertion';
  return body?.client_secret === undefined ? 'none' : 'client_secret_post';
}

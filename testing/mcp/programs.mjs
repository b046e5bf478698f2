// The programs of this repository that the tests run, and a port for them.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const folder =
  process.env.LATCHSTRING_BIN || join(import.meta.dirname, '..', '..', 'target', 'debug');

/** Returns the path of a program of this repository. */
export function program(name) {
  const path = join(folder, name);
  if (!existsSync(path)) throw new Error(`${path} is missing; build it, or set LATCHSTRING_BIN`);
  return path;
}

/**
 * Returns a port for the redirect URI of all logins of one test. A client is registered with its
 * port, and the one that `latch` prefers may be in use by another test.
 */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

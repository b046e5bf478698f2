// The programs of this repository that the tests run, and ports for them.

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
 * Returns two ports for the redirect URIs of one test. A client is registered with its port, and
 * those that `latch` prefers may be in use by another test. The second one is for a login that
 * starts over, because the resource has moved to another issuer or client.
 */
export async function freePorts() {
  const servers = [createServer(), createServer()];
  const ports = servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return server.address().port;
  });
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return found;
}

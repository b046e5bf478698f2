// MCP servers made with the official SDKs, and the certified provider that issues tokens for them.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import Provider, { errors } from 'oidc-provider';

// The provider warns about what only tests may do.
console.info = () => {};
console.warn = () => {};

/** What every request to the MCP server needs, and what a tool needs beside it. */
export const SCOPES = { all: 'mcp:tools', tool: 'mcp:admin' };

/**
 * Listens on a free port, or on this one, for as long as the test runs. Returns the server and its
 * origin.
 */
async function listen(t, host, port = 0) {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => stop(server));
  return { server, origin: `http://${host}:${server.address().port}` };
}

function stop(server) {
  server.close();
  server.closeAllConnections();
}

/**
 * Starts a provider, and an MCP server that is made with the SDK for TypeScript. `providerHost` is
 * the provider's host: the MCP server's, 127.0.0.1, or localhost, which is as unrelated to it as
 * any other name. `registration` is how the provider registers clients.
 */
export async function start(t, { providerHost = '127.0.0.1', registration } = {}) {
  return startServer(t, await startProvider(t, providerHost, registration));
}

/**
 * Starts an MCP server with the tokens of a provider that runs. `stop` ends it, and `startAgain`
 * starts another one in its place.
 */
export async function startServer(t, provider) {
  let { server, origin } = await listen(t, '127.0.0.1');
  const url = new URL('/mcp', origin);
  server.on('request', mcpServer(url, provider));
  provider.resources.add(url.href);
  return {
    ...provider,
    url: url.href,
    stop: () => stop(server),
    startAgain: async () => {
      ({ server } = await listen(t, '127.0.0.1', url.port));
      server.on('request', mcpServer(url, provider));
    },
  };
}

/** Starts the provider, and beside it an MCP server that is made with the SDK for Python. */
export async function startWithPython(t, python) {
  const provider = await startProvider(t, '127.0.0.1');
  const program = join(import.meta.dirname, '..', 'server.py');
  const child = spawn(python, [program, provider.issuer, SCOPES.all], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  provider.resources.add(url);
  return { ...provider, url };
}

/**
 * Starts the certified provider, which issues tokens for `resources`. `requests` are those that it
 * got, and `clients` the IDs of the clients that it registered.
 */
async function startProvider(t, host, registration = { enabled: true }) {
  const { server, origin: issuer } = await listen(t, host);
  const resources = new Set();
  const provider = new Provider(issuer, {
    // An MCP server asks about tokens as a client.
    clients: [
      {
        client_id: 'server',
        client_secret: 'secret',
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: [],
        grant_types: [],
        response_types: [],
      },
    ],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    rotateRefreshToken: true,
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      registration,
      registrationManagement: { enabled: registration.enabled },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_, asked) {
          if (!resources.has(asked)) throw new errors.InvalidTarget();
          return { scope: Object.values(SCOPES).join(' '), accessTokenFormat: 'opaque' };
        },
        useGrantedResource: () => false,
      },
    },
  });
  const requests = [];
  const clients = [];
  provider.use(async (context, next) => {
    await next();
    if (!context.oidc) return;
    const { route, params = {} } = context.oidc;
    // The query as it came: the provider drops scopes from its parameters.
    requests.push({ route, status: context.status, ...params, ...context.query });
    if (route === 'registration' && context.status === 201) clients.push(context.body.client_id);
  });
  server.on('request', provider.callback());
  return {
    issuer,
    resources,
    requests,
    clients,
    asked: (route) => requests.filter((request) => request.route === route),
    token: (token) => provider.AccessToken.find(token),
    /** Forgets an access token, as a provider does that was restarted. */
    forget: async (token) => (await provider.AccessToken.find(token)).destroy(),
    /** Forgets a client, as providers do after a while. */
    prune: (client) => provider.Client.adapter.destroy(client),
  };
}

/** Returns the request handler of an MCP server with one tool, `greet`. */
function mcpServer(url, { issuer, token }) {
  const app = createMcpExpressApp();
  app.use(
    mcpAuthMetadataRouter({
      oauthMetadata: { issuer },
      resourceServerUrl: url,
      scopesSupported: [SCOPES.all],
    }),
  );
  app.post(url.pathname, (request, response, next) => {
    const needs = request.body?.method === 'tools/call' ? SCOPES.tool : SCOPES.all;
    const guard = requireBearerAuth({
      verifier: { verifyAccessToken: (presented) => verify(presented, token) },
      requiredScopes: [needs],
      resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
      expectedResource: url,
    });
    guard(request, response, next);
  });
  app.post(url.pathname, async (request, response) => {
    const server = new McpServer({ name: 'tests', version: '0' });
    server.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
  return app;
}

async function verify(presented, find) {
  const found = await find(presented);
  if (!found) throw new InvalidTokenError('unknown token');
  return {
    token: presented,
    clientId: found.clientId,
    scopes: found.scope.split(' '),
    expiresAt: found.exp,
    resource: new URL(found.aud),
  };
}

/** Sends one request without a client's comforts, and returns the response. */
export function post(url, method, token) {
  return fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }),
  });
}

/** Connects as an MCP client made with the official SDK. */
export async function connect(t, url, token) {
  const client = new Client({ name: 'tests', version: '0' });
  const headers = { Authorization: `Bearer ${token}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }),
  );
  t.after(() => client.close());
  return client;
}

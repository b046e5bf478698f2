// The client that the conformance suite runs: `node client.mjs URL`.
//
// An MCP client without any code for logins. When the server refuses a request, `latch login`
// gets the challenge, and `latch token` the token for the next try.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, program } from './programs.mjs';

const {
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision,
  MCP_CONFORMANCE_SCENARIO: scenario = '',
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  PATH,
} = process.env;
const url = process.argv.at(-1);

/** The last revision that begins with `initialize`. Later ones describe the client in requests. */
const LAST_WITH_HANDSHAKE = '2025-11-25';
const hasHandshake = revision <= LAST_WITH_HANDSHAKE;
const clientInfo = { name: 'latchstring-conformance', version: '0' };

/** Logins for one request, after which it counts as refused for good. */
const MOST_LOGINS = 2;

const home = mkdtempSync(join(tmpdir(), 'latchstring-mcp-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));

const {
  client_id,
  client_secret,
  private_key_pem,
  valid_jwt,
  idp_issuer,
  idp_client_id,
  idp_id_token,
} = JSON.parse(context);

/** Writes a file that only this user can read, and returns its path. */
function file(name, text) {
  const path = join(home, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** How tokens are granted where no user logs in. */
const [, unattended] =
  /^auth\/(client-credentials|wif-jwt-bearer|enterprise-managed)/.exec(scenario) ?? [];
const grant = unattended?.replace('wif-', '').replace('enterprise-managed', 'id-jag');
const environment = {
  PATH,
  HOME: home,
  LATCH_RESOURCE_URL: url,
  LATCH_STORE: 'file',
  LATCH_FLOW: 'browser',
  LATCH_BROWSER: program('visitor'),
  LATCH_PORT: String(await freePort()),
  // A redirect with the wrong issuer is not the answer, so the login goes on waiting.
  LATCH_TIMEOUT: '3',
  LATCH_CLIENT_METADATA_URL: 'https://conformance-test.local/client-metadata.json',
  ...(client_id && { LATCH_CLIENT_ID: client_id }),
  ...(client_secret && { LATCH_CLIENT_SECRET: client_secret }),
  ...(private_key_pem && { LATCH_CLIENT_KEY_FILE: file('key.pem', private_key_pem) }),
  ...(grant && { LATCH_GRANT: grant }),
  ...(idp_issuer && { LATCH_IDP_ISSUER: idp_issuer, LATCH_IDP_CLIENT_ID: idp_client_id }),
  ...(idp_id_token && { LATCH_SUBJECT_TOKEN_FILE: file('id-token', idp_id_token) }),
  ...(valid_jwt && { LATCH_ASSERTION_FILE: file('assertion', valid_jwt) }),
};

function latch(...words) {
  const { status, stdout, stderr } = spawnSync(program('latch'), words, {
    env: environment,
    encoding: 'utf8',
  });
  console.error(`latch ${words[0]}: exit ${status}\n${stderr}`);
  return { status, stdout };
}

/** Has the next token asked for with what the server said when it refused a request. */
let refused;

function login(challenge) {
  refused = challenge;
  if (grant) return;
  const { status } = latch('login', '--verbose', ...(challenge ? ['--challenge', challenge] : []));
  if (status !== 0) process.exit(status);
}

let isLoggedIn = false;
/** The nonce that the server named for the next proof (RFC 9449 §9). */
let nonce;
let requests = 0;

/** Returns the headers of one request with the token, if there is one. */
function authorization() {
  if (!isLoggedIn) return {};
  const request = ['--for-method', 'POST', '--for-url', url];
  const known = nonce ? ['--dpop-nonce', nonce] : [];
  const said = grant && refused ? ['--challenge', refused] : [];
  refused = undefined;
  const { stdout } = latch('token', '--output', 'header', ...request, ...known, ...said);
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(': ')),
  );
}

/** Sends one message. Returns the result, or undefined for a notification. */
async function send(method, params = {}) {
  const isNotification = method.startsWith('notifications/');
  const message = { jsonrpc: '2.0', method, params: hasHandshake ? params : described(params) };
  if (!isNotification) message.id = ++requests;
  for (let logins = 0; ; ) {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(method !== 'initialize' && { 'MCP-Protocol-Version': revision }),
        ...(!hasHandshake && { 'Mcp-Method': method }),
        ...(!hasHandshake && params.name && { 'Mcp-Name': params.name }),
        ...authorization(),
      },
      body: JSON.stringify(message),
    });
    const body = await response.text();
    console.error(`${method}: ${response.status} ${body}`);
    if (response.ok) return isNotification ? undefined : result(body);
    const challenge = response.headers.get('WWW-Authenticate');
    const known = nonce;
    nonce = response.headers.get('DPoP-Nonce') ?? nonce;
    if (challenge?.includes('use_dpop_nonce') && nonce !== known) continue;
    if (![401, 403].includes(response.status) || logins === MOST_LOGINS) {
      throw new Error(`${method} was refused: ${response.status} ${body}`);
    }
    login(challenge);
    isLoggedIn = true;
    logins += 1;
  }
}

/** Adds what each request of a revision without a handshake says about its client. */
function described(params) {
  return {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientInfo': clientInfo,
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  };
}

/** Reads a response: one JSON document, or one event with it. */
function result(body) {
  const event = body.split('\n').find((line) => line.startsWith('data:'));
  const { result, error } = JSON.parse(event?.slice('data:'.length) ?? body);
  if (error) throw new Error(`${error.code} ${error.message}`);
  return result;
}

if (hasHandshake) {
  await send('initialize', { protocolVersion: revision, capabilities: {}, clientInfo });
  await send('notifications/initialized');
}
const { tools } = await send('tools/list');
for (const { name } of tools) await send('tools/call', { name, arguments: {} });

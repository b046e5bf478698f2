// An API that takes only the tokens of one provider, each with the proof of the key that it
// is bound to (RFC 9449): `node bound-api.mjs ISSUER FOLDER`.
//
// /me, /headers   tells who asks, and with which headers
// /size           tells the length and hash of the body, and how it was sent
// /stream         sends one line at once, and another after /__go
// /to?URL         redirects, and sets a cookie
// /never          refuses every token
// /git/...        git's own server for the repositories in FOLDER
//
// Without a token:
// /__nonce?COUNT  asks for another nonce from now on, or after so many answers
// /__refuse       refuses all tokens that it has accepted
// /__go           ends the streams

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';

import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';

import { serve } from './serve.mjs';

const [provider, repositories] = process.argv.slice(2);
const { introspection_endpoint } = await (
  await fetch(`${provider}/.well-known/openid-configuration`)
).json();

const proofs = new Set();
const tokens = new Map();
const refused = new Set();
let nonce;
let answersLeft = Number.POSITIVE_INFINITY;
let go;
let gone = new Promise((resolve) => {
  go = resolve;
});

const hash = (text) => createHash('sha256').update(text).digest('base64url');

async function introspect(token) {
  const body = new URLSearchParams({ token, client_id: 'bound' });
  return (await fetch(introspection_endpoint, { method: 'POST', body })).json();
}

// Returns the token, or throws the name of the error (RFC 9449 §7.1).
async function check(request, url) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'DPoP') throw 'invalid_token';
  const verified = jwtVerify(request.headers.dpop ?? '', EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ['ES256'],
    maxTokenAge: 60,
    clockTolerance: 60,
  });
  const { payload, protectedHeader } = await verified.catch(() => {
    throw 'invalid_dpop_proof';
  });
  if (payload.htm !== request.method || payload.htu !== url.origin + url.pathname) {
    throw 'invalid_dpop_proof';
  }
  if (payload.ath !== hash(token) || proofs.has(payload.jti)) throw 'invalid_dpop_proof';
  proofs.add(payload.jti);
  if (payload.nonce !== nonce) throw 'use_dpop_nonce';
  if (!tokens.has(token)) tokens.set(token, introspect(token));
  const { active, cnf } = await tokens.get(token);
  const jkt = await calculateJwkThumbprint(protectedHeader.jwk);
  if (!active || cnf?.jkt !== jkt || refused.has(token)) throw 'invalid_token';
  if (url.pathname === '/never') throw 'invalid_token';
}

function changeNonce() {
  nonce = randomBytes(12).toString('base64url');
  answersLeft = Number.POSITIVE_INFINITY;
}

async function size(request, response, left) {
  const sum = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of request) {
      sum.update(chunk);
      bytes += chunk.length;
    }
  } catch {
    return left();
  }
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  response.end(JSON.stringify({ bytes, sha256: sum.digest('hex'), length, coding }));
}

// git's own server is a CGI program (RFC 3875).
function git(request, response, url) {
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: repositories,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname.slice('/git'.length),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      REMOTE_USER: 'ada',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It may have heard enough before the end.
  backend.stdin.on('error', () => {});
  request.pipe(backend.stdin);
  let head = Buffer.alloc(0);
  backend.stdout.on('data', (chunk) => {
    if (head === undefined) return response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [name, value] = line.split(': ');
      if (name === 'Status') response.statusCode = Number(value.split(' ')[0]);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    head = undefined;
  });
  backend.stdout.on('end', () => response.end());
}

async function answer(request, response, url, saw) {
  const left = () => saw({ route: url.pathname, left: true });
  switch (url.pathname.split('/')[1]) {
    case 'me':
      return response.end('Ada Lovelace\n');
    case 'headers':
      return response.end(JSON.stringify(request.headers));
    case 'size':
      return size(request, response, left);
    case 'stream':
      response.once('close', () => {
        if (!response.writableFinished) left();
      });
      response.write('first\n');
      await gone;
      return response.end('last\n');
    case 'to':
      response.writeHead(302, { location: url.search.slice(1), 'set-cookie': 'a=b' });
      return response.end();
    case 'git':
      return git(request, response, url);
    default:
      response.statusCode = 404;
      return response.end();
  }
}

function control(url) {
  switch (url.pathname) {
    case '/__nonce':
      answersLeft = Number(url.search.slice(1));
      if (answersLeft === 0) changeNonce();
      break;
    case '/__refuse':
      for (const token of tokens.keys()) refused.add(token);
      break;
    case '/__go':
      go();
      gone = new Promise((resolve) => {
        go = resolve;
      });
  }
}

await serve((origin, saw) => async (request, response) => {
  const url = new URL(origin + request.url);
  if (url.pathname.startsWith('/__')) {
    control(url);
    return response.end();
  }
  const seen = { route: url.pathname, method: request.method, id: request.headers['x-id'] };
  try {
    await check(request, url);
  } catch (error) {
    if (typeof error !== 'string') throw error;
    saw({ ...seen, error });
    const headers = { 'www-authenticate': `DPoP error="${error}"` };
    response.writeHead(401, nonce ? { ...headers, 'dpop-nonce': nonce } : headers);
    return response.end(`refused: ${error}\n`);
  }
  saw(seen);
  if (nonce) response.setHeader('dpop-nonce', nonce);
  answersLeft -= 1;
  if (answersLeft === 0) changeNonce();
  await answer(request, response, url, saw);
  if (!response.writableEnded && !response.destroyed) await once(response, 'close');
});

// What a client proves and reads with its keys and assertions, at the certified provider.

import assert from 'node:assert/strict';
import { createPrivateKey, sign as signed } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';

import { login, token } from '../src/index.js';
import { noWeb, realProvider, stateFolder, terminal, visitorBrowser, web } from './support.js';

const jwk = (kid) => {
  const { keys } = JSON.parse(readFileSync(join(web, 'client-keys.json'), 'utf8'));
  return keys.find((key) => key.kid === kid);
};

/** Signs with ES256, in the form that tokens need. */
const es256 = (kid, input) =>
  signed('sha256', input, {
    key: createPrivateKey({ key: jwk(kid), format: 'jwk' }),
    dsaEncoding: 'ieee-p1363',
  });

test('a client signs with its key', { skip: noWeb }, async (t) => {
  const provider = await realProvider(t);
  const client = {
    issuer: provider.issuer,
    clientId: 'es256',
    grant: { tag: 'client-credentials' },
    scopes: ['deploy'],
    key: { algorithm: 'es256' },
  };
  const options = { stateDir: stateFolder(t), terminal: terminal() };
  await assert.rejects(token(client, options), { code: 'invalid-configuration' });
  const sign = async ({ key, input }) => {
    assert.equal(key, 'client');
    return es256('es256', input);
  };
  const { accessToken } = await token(client, { ...options, sign });
  assert.equal((await token(client, options)).accessToken, accessToken);
  const asked = (await provider.log()).filter(({ route }) => route === 'token');
  assert.deepEqual(
    asked.map(({ authentication, status }) => [authentication, status]),
    [['client_assertion', 200]],
  );
});

test('a client presents what another issuer says', { skip: noWeb }, async (t) => {
  const { issuer } = await realProvider(t);
  const client = { issuer, clientId: 'job', grant: { tag: 'jwt-bearer' }, scopes: ['deploy'] };
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const assertion = async ({ purpose, audience, scopes }) => {
    assert.deepEqual([purpose, scopes], ['subject', ['deploy']]);
    const exp = Date.now() / 1000 + 300;
    const claims = { iss: 'https://ci.example', sub: 'job', aud: audience, exp };
    const input = `${encode({ alg: 'ES256', kid: 'ci' })}.${encode(claims)}`;
    return `${input}.${es256('ci', Buffer.from(input)).toString('base64url')}`;
  };
  const options = { stateDir: stateFolder(t), terminal: terminal() };
  await assert.rejects(token(client, options), { code: 'invalid-configuration' });
  assert.ok((await token(client, { ...options, assertion })).accessToken);
});

test('a client reads what is encrypted for it', { skip: noWeb }, async (t) => {
  const { compactDecrypt, importJWK } = createRequire(join(web, 'package.json'))('jose');
  const features = { encryption: { enabled: true }, jwtUserinfo: { enabled: true } };
  const { issuer } = await realProvider(t, 3600, 600, JSON.stringify(features));
  const clientId = 'ECDH-ES+A128KW';
  const key = await importJWK(jwk('enc'), clientId);
  const decrypt = async (text) =>
    Buffer.from((await compactDecrypt(text, key)).plaintext).toString();
  const client = { issuer, clientId, scopes: ['openid'], decrypts: true };
  const browser = visitorBrowser();
  const { claims } = await login(client, {
    stateDir: stateFolder(t),
    terminal: terminal(),
    browser,
    decrypt,
  });
  await browser.arrived;
  assert.ok(claims.sub);
});

// A certified provider, configured as a careful operator would:
// `node oidc-provider.mjs [lifetime of access tokens [and of device codes [features]]]`, the
// first two in seconds, and the last a JSON object of more of its features.

import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from 'jose';
import Provider, { errors } from 'oidc-provider';

import { authentication, serve } from './serve.mjs';

const lifetime = Number(process.argv[2] ?? 3600);
const codeLifetime = Number(process.argv[3] ?? 600);
const features = JSON.parse(process.argv[4] ?? '{}');
if (features.dPoP && features.dPoP.enabled !== false) {
  const { requiresNonce } = features.dPoP;
  features.dPoP = {
    enabled: true,
    nonceSecret: randomBytes(32),
    requireNonce: () => requiresNonce,
  };
}

if (features.richAuthorizationRequests) {
  const asked = (details) => (typeof details === 'string' ? JSON.parse(details) : details);
  // Half of each payment is granted.
  const granted = (details) => asked(details)?.map((one) => ({ ...one, amount: one.amount / 2 }));
  features.richAuthorizationRequests = {
    enabled: true,
    types: { payment: { validate() {} } },
    authorizationDetailsForGrantSource: ({ oidc }) => granted(oidc.params.authorization_details),
    authorizationDetailsForAccessToken: ({ oidc }, _, source) =>
      source?.rar ?? granted(oidc.params.authorization_details),
    authorizationDetailsForIntrospection: (_, token) => token.rar,
  };
}

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
];

// The keys of clients that authenticate with one, and of the CI system that they run in.
const KEYS = JSON.parse(readFileSync(new URL('client-keys.json', import.meta.url))).keys;
const isPublic = ([name]) => !['d', 'p', 'q', 'dp', 'dq', 'qi'].includes(name);
const PUBLIC = KEYS.map((key) => Object.fromEntries(Object.entries(key).filter(isPublic)));
const CI = 'https://ci.example';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ID_JAG_TYPE = 'oauth-id-jag+jwt';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

// How ID tokens and answers are encrypted for clients of the same name.
const ENCRYPTIONS = [
  ['ECDH-ES', 'A128CBC-HS256'],
  ['ECDH-ES+A128KW', 'A256GCM'],
  ['ECDH-ES+A256KW', 'A256CBC-HS512'],
];

// Every character that the form encoding of RFC 6749 §2.3.1 has to hide.
const SECRET = 'a secret: +/%&=~"';

// A native application comes back to loopback, on whatever port (RFC 8252 §7.3).
function client(client_id, more) {
  return {
    client_id,
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...more,
  };
}

function withSecret(token_endpoint_auth_method) {
  return client(token_endpoint_auth_method, { token_endpoint_auth_method, client_secret: SECRET });
}

// A client without users.
function machine(client_id, more) {
  return {
    client_id,
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    ...more,
  };
}

// A client without users, which signs with the key of the same name.
function signing(kid) {
  return machine(kid, {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: KEYS.find((key) => key.kid === kid).alg,
    jwks: { keys: PUBLIC.filter((key) => key.kid === kid) },
  });
}

// A client for which everything is signed and encrypted.
function reading([alg, enc]) {
  const parts = ['id_token', 'userinfo', 'introspection'];
  const sealed = parts.flatMap((part) => [
    [`${part}_signed_response_alg`, 'ES256'],
    [`${part}_encrypted_response_alg`, alg],
    [`${part}_encrypted_response_enc`, enc],
  ]);
  return client(alg, {
    ...Object.fromEntries(sealed),
    jwks: { keys: PUBLIC.filter((key) => key.kid === 'enc') },
  });
}

// The key is read again before its export as a JWK: Node 20 hangs if it collects garbage
// while it exports a key that it has just generated, whose lock it then takes twice.
function key(type, options) {
  const { privateKey } = generateKeyPairSync(type, {
    ...options,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return createPrivateKey(privateKey).export({ format: 'jwk' });
}

const RESOURCES = {
  'https://opaque.example/': { scope: 'read', accessTokenFormat: 'opaque' },
  'https://jwt.example/': {
    scope: 'read',
    accessTokenFormat: 'jwt',
    audience: 'https://jwt.example/',
    jwt: { sign: { alg: 'ES256' } },
  },
};

const configuration = {
  clients: [
    client('public'),
    client('device', {
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      redirect_uris: [],
      response_types: [],
    }),
    withSecret('client_secret_basic'),
    withSecret('client_secret_post'),
    machine('machine', {
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: SECRET,
    }),
    machine('client_secret_jwt', {
      token_endpoint_auth_method: 'client_secret_jwt',
      client_secret: SECRET.repeat(2),
    }),
    ...['es256', 'eddsa', 'ps256', 'rs256'].map(signing),
    client('bound', { dpop_bound_access_tokens: true }),
    client('signs', {
      token_endpoint_auth_method: 'private_key_jwt',
      ...(features.richAuthorizationRequests && { authorization_details_types: ['payment'] }),
      jwks: { keys: PUBLIC.filter((key) => key.kid === 'es256') },
    }),
    client('bank', {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: PUBLIC.filter((key) => key.kid === 'es256') },
      dpop_bound_access_tokens: true,
    }),
    machine('job', { grant_types: [JWT_BEARER], token_endpoint_auth_method: 'none' }),
    // Logs users in, and gets what they may use elsewhere.
    client('agent', {
      grant_types: ['authorization_code', 'refresh_token', TOKEN_EXCHANGE],
    }),
    machine('exchange', { grant_types: [TOKEN_EXCHANGE], token_endpoint_auth_method: 'none' }),
    ...(features.encryption ? ENCRYPTIONS.map(reading) : []),
    ...(features.jwtUserinfo ? [client('signed', { userinfo_signed_response_alg: 'PS256' })] : []),
    ...ALGORITHMS.map((alg) => client(alg, { id_token_signed_response_alg: alg })),
  ],
  clientAuthMethods: [
    'none',
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
  ],
  enabledJWA: {
    idTokenSigningAlgValues: ALGORITHMS,
    userinfoSigningAlgValues: ALGORITHMS,
    ...(features.encryption && {
      ...Object.fromEntries(
        ['idToken', 'userinfo', 'introspection'].flatMap((part) => [
          [`${part}EncryptionAlgValues`, ENCRYPTIONS.map(([alg]) => alg)],
          [`${part}EncryptionEncValues`, ENCRYPTIONS.map(([, enc]) => enc)],
        ]),
      ),
    }),
    clientAuthSigningAlgValues: ['HS256', 'ES256', 'EdDSA', 'PS256', 'RS256'],
  },
  scopes: ['deploy', 'openid', 'offline_access'],
  jwks: {
    keys: [
      key('rsa', { modulusLength: 2048 }),
      key('ec', { namedCurve: 'P-256' }),
      key('ec', { namedCurve: 'P-384' }),
      key('ed25519'),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub, name: `${sub} of the tests`, email: `${sub}@example.com` }),
  }),
  rotateRefreshToken: true,
  ttl: { AccessToken: lifetime, ClientCredentials: lifetime, DeviceCode: codeLifetime },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    userinfo: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, __, oneOf) => oneOf,
      useGrantedResource: () => false,
      getResourceServerInfo(_, resource) {
        if (!(resource in RESOURCES)) throw new errors.InvalidTarget();
        return RESOURCES[resource];
      },
    },
    ...features,
  },
};

// Grants a token without a user (RFC 7523 §2.1, RFC 8693 §2).
async function grant(context, more) {
  const { client, params, provider } = context.oidc;
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  context.body = {
    access_token: await token.save(),
    expires_in: lifetime,
    token_type: token.tokenType,
    ...more,
  };
}

// Takes the word of the CI system, and that of every identity provider of the tests.
async function bearAssertion(issuer, context) {
  const { assertion } = context.oidc.params;
  const expected = { audience: issuer };
  const verified = await jwtVerify(assertion, createLocalJWKSet({ keys: PUBLIC }), expected).catch(
    () => {
      throw new errors.InvalidGrant('assertion refused');
    },
  );
  const { payload, protectedHeader } = verified;
  const isGrant = protectedHeader.typ === ID_JAG_TYPE;
  if (!isGrant && payload.iss !== CI) throw new errors.InvalidGrant('issuer refused');
  if (isGrant && payload.client_id !== context.oidc.client.clientId) {
    throw new errors.InvalidGrant('grant for another client');
  }
  await grant(context);
}

// Vouches for a user at another server
// (draft-ietf-oauth-identity-assertion-authz-grant).
async function vouch(context) {
  const { client, params, provider } = context.oidc;
  const { subject_token, subject_token_type, audience, resource, scope } = params;
  if (subject_token_type !== ID_TOKEN || !audience) throw new errors.InvalidRequest();
  const { payload } = await provider.IdToken.validate(subject_token, client).catch(() => {
    throw new errors.InvalidGrant('ID token refused');
  });
  // For this scope, the user has to be there.
  if (scope === 'offline_access') {
    const error = 'insufficient_user_authentication';
    throw new errors.CustomOIDCProviderError(error, 'authenticate again');
  }
  const key = KEYS.find(({ kid }) => kid === 'ci');
  const word = new SignJWT({ client_id: 'job', sub: payload.sub, resource, scope })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: ID_JAG_TYPE })
    .setIssuer(provider.issuer)
    .setAudience(audience)
    .setJti(randomBytes(16).toString('hex'))
    .setIssuedAt()
    .setExpirationTime('5m');
  context.body = {
    access_token: await word.sign(await importJWK(key)),
    issued_token_type: ID_JAG,
    token_type: 'N_A',
    expires_in: 300,
  };
}

async function exchange(context) {
  const { subject_token, requested_token_type } = context.oidc.params;
  if (requested_token_type === ID_JAG) {
    await vouch(context);
    return;
  }
  const subject = await context.oidc.provider.AccessToken.find(subject_token);
  if (!subject?.isValid) throw new errors.InvalidGrant('subject token refused');
  await grant(context, { issued_token_type: requested_token_type ?? ACCESS_TOKEN });
}

await serve((issuer, saw) => {
  const provider = new Provider(issuer, configuration);
  provider.registerGrantType(JWT_BEARER, (context) => bearAssertion(issuer, context), [
    'assertion',
    'scope',
  ]);
  provider.registerGrantType(
    TOKEN_EXCHANGE,
    exchange,
    [
      'subject_token',
      'subject_token_type',
      'requested_token_type',
      'audience',
      'resource',
      'scope',
    ],
    ['audience', 'resource'],
  );
  provider.use(async (context, next) => {
    await next();
    if (!context.oidc) return;
    const { route, params, body } = context.oidc;
    saw({
      route,
      status: context.status,
      error: context.body?.error,
      client_id: params?.client_id ?? context.oidc.client?.clientId,
      grant_type: params?.grant_type,
      resource: params?.resource,
      token_type_hint: params?.token_type_hint,
      code_challenge_method: params?.code_challenge_method,
      // The page of the interaction that was answered: login or consent.
      page: body?.prompt,
      authentication: authentication(context.headers, body),
    });
  });
  return provider.callback();
});

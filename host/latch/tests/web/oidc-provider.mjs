// A certified provider, configured as a careful operator would:
// `node oidc-provider.mjs [lifetime of access tokens [and of device codes]]`, both in
// seconds.

import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';

import Provider, { errors } from 'oidc-provider';

import { authentication, serve } from './serve.mjs';

const lifetime = Number(process.argv[2] ?? 3600);
const codeLifetime = Number(process.argv[3] ?? 600);

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
    ...ALGORITHMS.map((alg) => client(alg, { id_token_signed_response_alg: alg })),
  ],
  enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
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
  ttl: { AccessToken: lifetime, DeviceCode: codeLifetime },
  features: {
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
  },
};

await serve((issuer, saw) => {
  const provider = new Provider(issuer, configuration);
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

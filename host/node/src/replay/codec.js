// Reads and writes the values of the contract in a transcript
// (`testing/conformance/README.md`).
//
// A value shows by itself how it is written. How it is read depends on its type, so the types
// that a host gives to the component are repeated here; TypeScript compares them with the
// declarations that are generated from the component.

import { LatchError } from '../error.js';

/** @import { Client, Context, Demand, Endpoints, Examination, LoginFlow, LoginRequest, NoResponse, Protocol, Reply, Tokens } from '../../component/interfaces/latchstring-login-flow.js' */

/**
 * Reads a value of one type from parsed JSON. `path` names the value in an error.
 *
 * @template T
 * @typedef {(json: unknown, path: string) => T} Read
 */

/** @typedef {{ tag: string, val?: unknown }} Case */

/**
 * The function that opens a session, and its parameters.
 *
 * @typedef {{ tag: 'login', val: { client: Client, stored?: Uint8Array, request: LoginRequest, context: Context } }
 *   | { tag: 'token', val: { client: Client, stored?: Uint8Array, demand: Demand, context: Context } }
 *   | { tag: 'logout', val: { client: Client, stored?: Uint8Array, context: Context } }
 *   | { tag: 'adopt', val: { client: Client, tokens: Tokens, context: Context } }} Opening
 */

/** @param {string} what */
export function damaged(what) {
  return new LatchError(
    'invalid-configuration',
    `the transcript is damaged: ${what}`,
    'take the file as it was recorded',
  );
}

/**
 * @param {string} path
 * @param {string} expected
 */
export function misfit(path, expected) {
  return damaged(`${path} is not ${expected}`);
}

// ---- Writing -------------------------------------------------------------------

/**
 * Returns a value of the contract as JSON.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
export function encode(value) {
  if (value === undefined) return null;
  if (typeof value === 'bigint') {
    if (value > Number.MAX_SAFE_INTEGER) throw misfit('a number', 'below 2^53');
    return Number(value);
  }
  if (value instanceof Uint8Array) return encodeBytes(value);
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== 'object' || value === null) return value;
  const { tag, val } = /** @type {Case} */ (value);
  if (tag === 'err') return { error: encode(val) };
  if (typeof tag === 'string') return 'val' in value ? { [tag]: encode(val) } : tag;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [kebab(name), encode(member)]),
  );
}

/** @param {Uint8Array} bytes */
function encodeBytes(bytes) {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** @param {string} name */
function kebab(name) {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// ---- Reading -------------------------------------------------------------------

/** @type {Read<Record<string, unknown>>} */
export const object = (json, path) => {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return /** @type {Record<string, unknown>} */ (json);
  }
  throw misfit(path, 'an object');
};

/** @type {Read<string>} */
const string = (json, path) => {
  // The component would get U+FFFD for an unpaired surrogate.
  if (typeof json === 'string' && !/\p{Surrogate}/u.test(json)) return json;
  throw misfit(path, 'a text');
};

/** @type {Read<boolean>} */
const bool = (json, path) => {
  if (typeof json === 'boolean') return json;
  throw misfit(path, 'true or false');
};

/** @type {Read<bigint>} */
export const u64 = (json, path) => {
  if (Number.isSafeInteger(json) && Number(json) >= 0) return BigInt(Number(json));
  throw misfit(path, 'a whole number below 2^53');
};

/** @type {Read<number>} */
const u16 = (json, path) => {
  if (Number.isInteger(json) && Number(json) >= 0 && Number(json) < 1 << 16) return Number(json);
  throw misfit(path, 'a whole number below 65536');
};

/** @type {Read<Uint8Array>} */
const bytes = (json, path) => {
  const { text, base64 } = object(json, path);
  if (typeof text === 'string' && base64 === undefined) {
    return new TextEncoder().encode(string(text, path));
  }
  if (typeof base64 === 'string' && text === undefined) {
    const decoded = Buffer.from(base64, 'base64');
    // `Buffer.from` skips characters that are not base64.
    if (decoded.toString('base64') === base64) return new Uint8Array(decoded);
  }
  throw misfit(path, 'bytes, as { "text": … } or { "base64": … }');
};

/**
 * @template T
 * @param {Read<T>} inner
 * @returns {Read<T | undefined>}
 */
const option = (inner) => (json, path) => (json === null ? undefined : inner(json, path));

/**
 * @template T
 * @param {Read<T>} inner
 * @returns {Read<T[]>}
 */
const list = (inner) => (json, path) => {
  if (Array.isArray(json)) return json.map((element, at) => inner(element, `${path}[${at}]`));
  throw misfit(path, 'a list');
};

/**
 * @template {string} T
 * @param {Record<T, true>} names
 * @returns {Read<T>}
 */
const named = (names) => (json, path) => {
  if (typeof json === 'string' && Object.hasOwn(names, json)) return /** @type {T} */ (json);
  throw misfit(path, `one of ${Object.keys(names).join(', ')}`);
};

/**
 * @template {object} T
 * @param {{ [K in keyof T]-?: Read<T[K]> }} members
 * @returns {Read<T>}
 */
const record = (members) => (json, path) => {
  const given = object(json, path);
  const reads = Object.entries(/** @type {Record<string, Read<unknown>>} */ (members));
  const names = reads.map(([name]) => kebab(name));
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw misfit(`${path}.${unknown}`, 'a member that the contract knows');
  const missing = names.find((name) => !Object.hasOwn(given, name));
  if (missing !== undefined) throw misfit(`${path}.${missing}`, 'there');
  return /** @type {T} */ (
    Object.fromEntries(
      reads.map(([name, read]) => [name, read(given[kebab(name)], `${path}.${kebab(name)}`)]),
    )
  );
};

/** Stands for the payload of a case that has none. */
const none = undefined;

/**
 * @template {Case} T
 * @param {{ [C in T as C['tag']]: 'val' extends keyof C ? Read<C['val']> : undefined }} cases
 * @returns {Read<T>}
 */
const variant = (cases) => (json, path) => {
  const isName = typeof json === 'string';
  const [tag, ...others] = isName ? [json] : Object.keys(object(json, path));
  const reads = /** @type {Record<string, Read<unknown> | undefined>} */ (cases);
  const read = reads[tag];
  // A case with a payload is an object of one member, and one without is its name.
  if (!Object.hasOwn(reads, tag) || others.length > 0 || isName !== (read === none)) {
    throw misfit(path, `one of ${Object.keys(cases).join(', ')}, with the payload that it has`);
  }
  const val = read?.(object(json, path)[tag], `${path}.${tag}`);
  return /** @type {T} */ (read ? { tag, val } : { tag });
};

/**
 * A result. A transcript calls its cases `ok` and `error`, JavaScript `ok` and `err`.
 *
 * @template T
 * @template E
 * @param {Read<T>} ok
 * @param {Read<E>} error
 * @returns {Read<{ tag: 'ok', val: T } | { tag: 'err', val: E }>}
 */
const result = (ok, error) => (json, path) => {
  const [[name, value], ...others] = Object.entries(object(json, path));
  if (others.length === 0 && name === 'ok') return { tag: 'ok', val: ok(value, `${path}.ok`) };
  if (others.length === 0 && name === 'error') {
    return { tag: 'err', val: error(value, `${path}.error`) };
  }
  throw misfit(path, 'one of ok, error');
};

// ---- The types of the contract -------------------------------------------------

/** @type {Read<LoginFlow>} */
const flow = named({ browser: true, paste: true, device: true });

/** @type {Read<Endpoints>} */
const endpoints = record({
  authorization: option(string),
  token: option(string),
  userinfo: option(string),
  revocation: option(string),
  deviceAuthorization: option(string),
  jwks: option(string),
  endSession: option(string),
  introspection: option(string),
  tokeninfo: option(string),
});

/** @type {Read<Protocol>} */
const protocol = variant({
  oauth: none,
  hexclave: record({
    appUrl: string,
    publishableClientKey: option(string),
    headers: named({ hexclave: true, stack: true }),
  }),
});

/** @type {Read<Client>} */
const client = record({
  issuer: option(string),
  discover: bool,
  endpoints,
  assumedEndpoints: endpoints,
  httpsIssuer: bool,
  clientId: string,
  clientSecret: option(string),
  authentication: option(
    named({ none: true, 'client-secret-basic': true, 'client-secret-post': true }),
  ),
  scopes: list(string),
  resources: list(string),
  parameters: list(record({ name: string, value: string })),
  pkce: named({ discovered: true, known: true, required: true }),
  tokenTypeOptional: bool,
  requestFormat: named({ form: true, json: true }),
  protocol,
});

/** @type {Read<LoginRequest>} */
const request = record({
  flow: option(flow),
  facts: record({
    terminal: bool,
    unattended: bool,
    browserCommand: bool,
    showsAddress: bool,
    display: bool,
    remoteShell: bool,
    windowsInterop: bool,
    container: bool,
    editorTerminal: bool,
    offersDevice: option(bool),
  }),
  redirectUri: string,
  patienceMs: option(u64),
  anonymousRefreshToken: option(string),
});

/** @type {Read<Examination>} */
const examination = variant({
  userinfo: none,
  verification: none,
  introspection: none,
  tokeninfo: none,
  local: record({ scopes: list(string), acr: option(string), permissions: list(string) }),
});

/** @type {Read<Demand>} */
const demand = record({ minTtlMs: u64, forceRefresh: bool, examination: option(examination) });

/** @type {Read<Tokens>} */
const tokens = record({
  accessToken: option(string),
  refreshToken: option(string),
  expiresAtMs: option(u64),
  scopes: option(list(string)),
});

/** @type {Read<Context>} */
const context = record({ nowMs: u64, entropy: bytes });

const stored = option(bytes);

/** @type {Read<Opening>} */
export const opening = variant({
  login: record({ client, stored, request, context }),
  token: record({ client, stored, demand, context }),
  logout: record({ client, stored, context }),
  adopt: record({ client, tokens, context }),
});

/** @type {Read<NoResponse>} */
const noResponse = variant({
  unreachable: record({ reason: string, sent: bool }),
  'too-large': u64,
  denied: string,
});

/** @type {Read<Reply>} */
export const reply = variant({
  begin: none,
  locked: stored,
  probed: none,
  answered: result(
    record({ status: u16, headers: list(record({ name: string, value: string })), body: bytes }),
    noResponse,
  ),
  redirected: string,
  pasted: string,
  presented: none,
  chosen: flow,
  cancelled: none,
  'timed-out': none,
  saved: none,
  'not-saved': string,
});

// The contract's types that a host gives to the component, for reading them out of a
// transcript. TypeScript holds each against the declarations that were generated from
// the component itself.

import {
  bare,
  bool,
  bytes,
  list,
  named,
  option,
  record,
  result,
  string,
  u16,
  u64,
  variant,
} from './codec.js';

/** @import { AccessRules, Client, Context, Demand, Endpoints, Examination, Facts, Header, Hexclave, LoginFlow, LoginRequest, NoResponse, Parameter, Protocol, Reply, Response, Tokens, Unreachable } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Read } from './codec.js' */

/** @typedef {Uint8Array | undefined} Stored */

/**
 * The functions that open a session, and what each is given.
 *
 * @typedef {{ tag: 'login', val: { client: Client, stored: Stored, request: LoginRequest, context: Context } }
 *   | { tag: 'token', val: { client: Client, stored: Stored, demand: Demand, context: Context } }
 *   | { tag: 'logout', val: { client: Client, stored: Stored, context: Context } }
 *   | { tag: 'adopt', val: { client: Client, tokens: Tokens, context: Context } }} Opening
 */

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

/** @type {Read<Hexclave>} */
const hexclave = record({
  appUrl: string,
  publishableClientKey: option(string),
  headers: named({ hexclave: true, stack: true }),
});

/** @type {Read<Protocol>} */
const protocol = variant({ oauth: bare, hexclave });

/** @type {Read<Parameter>} */
const parameter = record({ name: string, value: string });

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
  parameters: list(parameter),
  pkce: named({ discovered: true, known: true, required: true }),
  tokenTypeOptional: bool,
  requestFormat: named({ form: true, json: true }),
  protocol,
});

/** @type {Read<Facts>} */
const facts = record({
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
});

/** @type {Read<LoginRequest>} */
const loginRequest = record({
  flow: option(flow),
  facts,
  redirectUri: string,
  patienceMs: option(u64),
  anonymousRefreshToken: option(string),
});

/** @type {Read<AccessRules>} */
const accessRules = record({
  scopes: list(string),
  acr: option(string),
  permissions: list(string),
});

/** @type {Read<Examination>} */
const examination = variant({
  userinfo: bare,
  verification: bare,
  introspection: bare,
  tokeninfo: bare,
  local: accessRules,
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
  login: record({ client, stored, request: loginRequest, context }),
  token: record({ client, stored, demand, context }),
  logout: record({ client, stored, context }),
  adopt: record({ client, tokens, context }),
});

/** @type {Read<Header>} */
const header = record({ name: string, value: string });

/** @type {Read<Response>} */
const response = record({ status: u16, headers: list(header), body: bytes });

/** @type {Read<Unreachable>} */
const unreachable = record({ reason: string, sent: bool });

/** @type {Read<NoResponse>} */
const noResponse = variant({ unreachable, 'too-large': u64, denied: string });

/** @type {Read<Reply>} */
export const reply = variant({
  begin: bare,
  locked: stored,
  probed: bare,
  answered: result(response, noResponse),
  redirected: string,
  pasted: string,
  presented: bare,
  chosen: flow,
  cancelled: bare,
  'timed-out': bare,
  saved: bare,
  'not-saved': string,
});

// Logs a command line in, keeps the session, and gives fresh access tokens.

import { completeClient, completeDemand, milliseconds } from './client.js';
import { systemClock } from './clock.js';
import { Component, decided, loadRules } from './components.js';
import { drive } from './drive.js';
import { Egress } from './egress.js';
import { LatchError } from './error.js';
import { read } from './session.js';
import { defaultFolder, FileStore } from './store.js';
import { stderrTerminal } from './terminal.js';
import { granted, loggedOut } from './token.js';

/** @import { AssertionRequest, LoginFlow, LogoutReport, SigningRequest, Tokens as IssuedTokens } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Browser } from './browser.js' */
/** @import { Client } from './client.js' */
/** @import { Clock } from './clock.js' */
/** @import { Open } from './drive.js' */
/** @import { Send } from './http.js' */
/** @import { Listening, Redirect } from './listener.js' */
/** @import { Stored } from './session.js' */
/** @import { Store } from './store.js' */
/** @import { Terminal } from './terminal.js' */

export { fingerprint } from './components.js';
export { LatchError } from './error.js';
export { Token } from './token.js';

/**
 * Options of each call.
 *
 * @typedef {object} Options
 * @property {string} [profile] name under which sessions are kept apart; `default` if unset
 * @property {string} [stateDir] folder of the sessions; the native program's if unset
 * @property {number} [lockPatienceMs] time to wait for another process with the same session;
 *   60 seconds if unset
 * @property {Terminal} [terminal] standard error and the keyboard if unset
 * @property {AbortSignal} [signal] ends a wait: the call fails with `interrupted`
 * @property {(profile: string, account: string) => Store} [store] files in `stateDir` if unset.
 *   Registrations of clients, which all profiles share, have `registration+` in place of a
 *   profile's name
 * @property {Send} [send] sends the requests that the egress policy permits
 * @property {Clock} [clock] the system's clock if unset
 * @property {() => Uint8Array} [entropy] at least 32 bytes from a cryptographically secure
 *   random source, fresh for each call
 * @property {(request: AssertionRequest) => Promise<string>} [assertion] reads the assertion that
 *   the client presents (RFC 7521), anew at each call
 * @property {(request: SigningRequest) => Promise<Uint8Array>} [sign] signs with the key that the
 *   client's `key` or `dpop` describes: of ES256, the signature is `R || S`
 * @property {(token: string) => Promise<string>} [decrypt] decrypts a token in compact form (RFC
 *   7516) with the client's key, if `decrypts` is set
 */

/**
 * Options of a login.
 *
 * @typedef {object} LoginOptions
 * @property {LoginFlow} [flow] the flow that fits the machine and the provider if unset
 * @property {Partial<Redirect>} [redirect] `http://127.0.0.1:PORT/callback` with any free port
 *   if unset. A client with a `resourceUrl` first tries ports that are always the same, because
 *   its registration names the port
 * @property {number} [patienceMs] time limit for the user; if unset, the lifetime of the device
 *   code if there is one, otherwise five minutes
 * @property {Browser | string[] | false} [browser] starts the browser: a function, or the words of
 *   a command; the user's own browser if unset; `false` only shows the address
 * @property {(redirect: Redirect) => Promise<Listening>} [listen] listens on loopback if unset
 * @property {string} [challenge] the `WWW-Authenticate` value with which the resource at the
 *   client's `resourceUrl` refused a request: the login is for a token that it accepts, with more
 *   scopes or by another authentication. If unset, the resource itself is asked
 * @property {string} [acceptIssuer] the host of the only issuer at which a login by `resourceUrl`
 *   may log the user in; if unset, the user is asked on a terminal, once for each issuer on
 *   another host than the resource
 * @property {boolean} [registerAnew] whether a login by `resourceUrl` registers a new client
 *   although it knows one
 * @property {string} [initialAccessToken] for registering a client (RFC 7591 §3); it goes nowhere
 *   else and is never stored
 */

/** @typedef {import('./client.js').Demand} Demand requirements for a token */

/**
 * Tokens that were issued to another program. Without `expiresAtMs`, in milliseconds since the
 * epoch, they are refreshed before their first use if there is a refresh token.
 *
 * @typedef {Omit<IssuedTokens, 'expiresAtMs'> & { expiresAtMs?: number }} Tokens
 */

/**
 * Logs the user in and keeps the session.
 *
 * @param {Client} client
 * @param {Options & LoginOptions} [options]
 */
export async function login(client, options = {}) {
  const latch = await begin(client, options);
  // Loaded only now, so that a stored token does not wait for what only a login needs.
  const { logIn } = await import('./login.js');
  return logIn(latch, options);
}

/**
 * Returns an access token that meets the demand: the stored one, or a refreshed one.
 *
 * Never opens a browser. Fails with `login-required` if the user has to log in, and with a
 * retryable error if the network failed.
 *
 * @param {Client} client
 * @param {Options & Demand} [options]
 */
export async function token(client, options = {}) {
  const latch = await begin(client, options);
  const demand = completeDemand(options);
  const stored = await read(latch.rules, latch.store);
  const outcome = await run(latch, stored, (Session, context) =>
    Session.token(latch.client, stored?.bytes, demand, context),
  );
  return granted(outcome);
}

/**
 * Returns an access token as `token` does, and logs the user in if that is required.
 *
 * @param {Client} client
 * @param {Options & LoginOptions} [options]
 */
export async function tokenOrLogin(client, options = {}) {
  try {
    return await token(client, options);
  } catch (error) {
    if (!(error instanceof LatchError) || error.code !== 'login-required') throw error;
    return login(client, options);
  }
}

/**
 * Logs the user in to the protected resource at this URL, such as an MCP server, and keeps the
 * session. `login` does the same for a client with `resourceUrl` and more settings.
 *
 * @param {string} url
 * @param {Options & LoginOptions} [options]
 */
export function loginTo(url, options) {
  return login({ resourceUrl: url }, options);
}

/**
 * Returns an access token for the protected resource at this URL. After the resource has refused
 * a token, pass its `WWW-Authenticate` value as `challenge`.
 *
 * Never opens a browser. Fails with `login-required` if the user has to log in, also because the
 * resource requires other scopes or another authentication: pass the challenge to `loginTo`.
 *
 * @param {string} url
 * @param {string} [challenge]
 * @param {Options & Demand} [options]
 */
export function tokenFor(url, challenge, options) {
  return token({ resourceUrl: url }, { ...options, challenge });
}

/**
 * Stores a session with another program's tokens, without a login. Replaces the stored session.
 *
 * @param {Client} client
 * @param {Tokens} tokens
 * @param {Options} [options]
 */
export async function adopt(client, { expiresAtMs, ...tokens }, options = {}) {
  const latch = await begin(client, options);
  const issued = { ...tokens, expiresAtMs: milliseconds(expiresAtMs) };
  const outcome = await run(latch, undefined, (Session, context) =>
    Session.adopt(latch.client, issued, context),
  );
  return granted(outcome);
}

/**
 * Revokes the tokens at the provider if possible (RFC 7009), and deletes the session here in any
 * case. With `unregister`, also removes the client that `loginTo` registered, at the provider
 * too (RFC 7592 §2.3): all other sessions that were made with it end.
 *
 * @param {Client} client
 * @param {Options & { unregister?: boolean }} [options]
 * @returns {Promise<LogoutReport>}
 */
export async function logout(client, { unregister = false, ...options } = {}) {
  const latch = await begin(client, options);
  const stored = await read(latch.rules, latch.store);
  const outcome = await run(latch, stored, (Session, context) =>
    Session.logout(latch.client, stored?.bytes, unregister, context),
  );
  return loggedOut(outcome);
}

/** What registrations have in place of a profile. No profile can be named like it. */
const REGISTRATIONS = 'registration+';

/** @typedef {Awaited<ReturnType<typeof begin>>} Latch what one call works with */

/**
 * @param {Client} given
 * @param {Options} options
 */
async function begin(
  given,
  {
    profile = 'default',
    stateDir,
    lockPatienceMs = 60_000,
    terminal = stderrTerminal,
    signal,
    store: storeOf,
    // Loaded only for a request: a token that is still valid needs none.
    send = async (...request) => (await import('./http.js')).send(...request),
    clock = systemClock,
    entropy = () => crypto.getRandomValues(new Uint8Array(32)),
    assertion,
    sign,
    decrypt,
  },
) {
  const client = completeClient(given);
  const [component, rules] = await Promise.all([Component.load(), loadRules()]);
  const account = component.accountKey(client);
  /** @type {(profile: string, account: string, stem: string) => Store} */
  const storeAt = (profile, account, stem) =>
    storeOf ? storeOf(profile, account) : new FileStore(rules, stateDir ?? defaultFolder(), stem);
  const stem = decided(() => rules.fileStem(profile, account));
  const store = storeAt(profile, account, stem);
  const registrationStore = (/** @type {string} */ name) => {
    const stem = decided(() => rules.registrationStem(name));
    return storeAt(REGISTRATIONS, name, stem);
  };
  return {
    client,
    component,
    rules,
    profile,
    store,
    registrationStore,
    lockPatienceMs,
    terminal,
    signal,
    send,
    clock,
    entropy,
    assertion,
    sign,
    decrypt,
  };
}

/**
 * Runs a session without a user.
 *
 * @param {Latch} latch
 * @param {Stored | undefined} stored
 * @param {Open} open
 */
function run(latch, stored, open) {
  const egress = new Egress(latch.rules, latch.client, { pinned: stored?.origins });
  return drive(open, { ...latch, egress });
}

// Logs a command line in, keeps the session, and gives fresh access tokens.

import { completeClient, completeDemand, milliseconds } from './client.js';
import { systemClock } from './clock.js';
import { Component, loadRules } from './components.js';
import { drive } from './drive.js';
import { Egress } from './egress.js';
import { LatchError } from './error.js';
import { read } from './session.js';
import { defaultFolder, FileStore } from './store.js';
import { stderrTerminal } from './terminal.js';
import { granted, loggedOut } from './token.js';

/** @import { LoginFlow, LogoutReport, Tokens as IssuedTokens } from '../component/interfaces/latchstring-login-flow.js' */
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
 * @property {(profile: string, account: string) => Store} [store] files in `stateDir` if unset
 * @property {Send} [send] sends the requests that the egress policy permits
 * @property {Clock} [clock] the system's clock if unset
 * @property {() => Uint8Array} [entropy] at least 32 bytes from a cryptographically secure
 *   random source, fresh for each call
 */

/**
 * Options of a login.
 *
 * @typedef {object} LoginOptions
 * @property {LoginFlow} [flow] the flow that fits the machine and the provider if unset
 * @property {Partial<Redirect>} [redirect] `http://127.0.0.1:PORT/callback` with any free port
 *   if unset
 * @property {number} [patienceMs] time limit for the user; if unset, the lifetime of the device
 *   code if there is one, otherwise five minutes
 * @property {Browser | string[] | false} [browser] starts the browser: a function, or the words of
 *   a command; the user's own browser if unset; `false` only shows the address
 * @property {(redirect: Redirect) => Promise<Listening>} [listen] listens on loopback if unset
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
 * case.
 *
 * @param {Client} client
 * @param {Options} [options]
 * @returns {Promise<LogoutReport>}
 */
export async function logout(client, options = {}) {
  const latch = await begin(client, options);
  const stored = await read(latch.rules, latch.store);
  const outcome = await run(latch, stored, (Session, context) =>
    Session.logout(latch.client, stored?.bytes, context),
  );
  return loggedOut(outcome);
}

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
  },
) {
  const client = completeClient(given);
  const [component, rules] = await Promise.all([Component.load(), loadRules()]);
  const account = component.accountKey(client);
  const store = storeOf
    ? storeOf(profile, account)
    : new FileStore(rules, stateDir ?? defaultFolder(), profile, account);
  return {
    client,
    component,
    rules,
    profile,
    store,
    lockPatienceMs,
    terminal,
    signal,
    send,
    clock,
    entropy,
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

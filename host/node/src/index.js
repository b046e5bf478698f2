// Logs a command line in, keeps the session, and hands out fresh access tokens.

import { commandBrowser, systemBrowser } from './browser.js';
import { systemClock } from './clock.js';
import { Component, loadRules } from './components.js';
import { drive, placed, read } from './drive.js';
import { Egress } from './egress.js';
import { entropy as systemEntropy } from './entropy.js';
import { LatchError } from './error.js';
import { defaultFolder, FileStore } from './store.js';
import { surroundings } from './surroundings.js';
import { sentence, stderrTerminal } from './terminal.js';
import { granted, loggedOut } from './token.js';

/** @import { Client as Settings, Examination, LoginFlow, LogoutReport, Session, Tokens as Brought } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Browser } from './browser.js' */
/** @import { Clock } from './clock.js' */
/** @import { Send } from './http.js' */
/** @import { Listening, Redirect } from './listener.js' */
/** @import { Rules } from './components.js' */
/** @import { Stored } from './session.js' */
/** @import { Store } from './store.js' */
/** @import { Terminal } from './terminal.js' */

export { fingerprint } from './components.js';
export { LatchError } from './error.js';
export { Token } from './token.js';

/**
 * Who asks, whom it asks, and for what; `wit/login.wit` explains each.
 *
 * @typedef {Partial<Settings> & Pick<Settings, 'clientId'>} Client
 */

/**
 * @typedef {object} Options
 * @property {string} [profile] a name under which sessions are kept apart
 * @property {string} [stateDir] where sessions are kept
 * @property {number} [lockPatienceMs] how long to wait for another process; 60 seconds
 * @property {Terminal} [terminal] standard error unless set
 * @property {AbortSignal} [signal] ends a wait, and fails with `interrupted`
 * @property {(profile: string, account: string) => Store} [store] files in `stateDir` unless set
 * @property {Send} [send] how requests go out that the egress policy has approved
 * @property {Clock} [clock] this machine's unless set
 * @property {() => Uint8Array} [entropy] at least 32 random bytes, fresh for each call
 */

/**
 * @typedef {object} LoginOptions
 * @property {LoginFlow} [flow] what fits the machine and the provider unless set
 * @property {Partial<Redirect>} [redirect] `http://127.0.0.1:PORT/callback` with any free port unless set
 * @property {number} [patienceMs] how long the user may take; unless set, five minutes in
 *   a browser, and as long as the code lives on another device
 * @property {Browser | string[] | false} [browser] what starts a browser: a function, or the words
 * of a command; with `false` the address is only shown
 * @property {(redirect: Redirect) => Promise<Listening>} [listen] on loopback unless set
 */

/**
 * @typedef {object} Demand
 * @property {number} [minTtlMs] how long the token must stay valid from now
 * @property {boolean} [forceRefresh] renew even a token that is still good
 * @property {Examination} [examination] what to ask about it first
 */

/**
 * Tokens that another program was given. Without `expiresAtMs`, in milliseconds since
 * 1970, they are renewed at once, where they can be.
 *
 * @typedef {Omit<Brought, 'expiresAtMs'> & { expiresAtMs?: number }} Tokens
 */

/**
 * Logs a person in and keeps the session.
 *
 * @param {Client} client
 * @param {Options & LoginOptions} [options]
 */
export async function login(client, options = {}) {
  const latch = await begin(client, options);
  try {
    return await loginOnce(latch, options);
  } catch (error) {
    if (!(error instanceof LatchError) || error.code !== 'stored-damaged') throw error;
    await setAside(latch, error);
    return loginOnce(latch, options);
  }
}

/**
 * An access token that meets the demand: the stored one, or a renewed one.
 *
 * Never opens a browser. Fails with `login-required` where only a login can help, and
 * with a retryable error where the network is at fault.
 *
 * @param {Client} client
 * @param {Options & Demand} [options]
 */
export async function token(client, options = {}) {
  const latch = await begin(client, options);
  const { minTtlMs = 0, forceRefresh = false, examination } = options;
  const demand = { minTtlMs: BigInt(Math.ceil(minTtlMs)), forceRefresh, examination };
  const stored = await read(latch.rules, latch.store);
  const session = open(latch, (Session) =>
    Session.token(latch.client, stored?.bytes, demand, context(latch)),
  );
  return granted(await drive(session, { ...latch, egress: egress(latch, stored) }));
}

/**
 * An access token that is good for now; where only a login can help, a person logs in.
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
 * Makes another program's tokens the session here, without a login. What was stored
 * before is replaced.
 *
 * @param {Client} client
 * @param {Tokens} tokens
 * @param {Options} [options]
 */
export async function adopt(client, { expiresAtMs, ...tokens }, options = {}) {
  const latch = await begin(client, options);
  const brought = {
    ...tokens,
    expiresAtMs: expiresAtMs === undefined ? undefined : BigInt(Math.ceil(expiresAtMs)),
  };
  const session = open(latch, (Session) => Session.adopt(latch.client, brought, context(latch)));
  return granted(await drive(session, { ...latch, egress: egress(latch, undefined) }));
}

/**
 * Ends the session: revoked at the provider where it can be (RFC 7009), deleted here
 * in any case.
 *
 * @param {Client} client
 * @param {Options} [options]
 * @returns {Promise<LogoutReport>}
 */
export async function logout(client, options = {}) {
  const latch = await begin(client, options);
  const stored = await read(latch.rules, latch.store);
  const session = open(latch, (Session) =>
    Session.logout(latch.client, stored?.bytes, context(latch)),
  );
  const policy = egress(latch, stored);
  return loggedOut(await drive(session, { ...latch, egress: policy }), policy);
}

/** @typedef {Awaited<ReturnType<typeof begin>>} Latch */

/**
 * @param {Client} settings
 * @param {Options} options
 */
async function begin(
  settings,
  {
    profile = 'default',
    stateDir,
    lockPatienceMs = 60_000,
    terminal = stderrTerminal,
    signal,
    store: storeOf,
    send = sendOnceAsked,
    clock = systemClock,
    entropy = systemEntropy,
  },
) {
  const client = complete(settings);
  const [component, rules] = await Promise.all([Component.load(), loadRules()]);
  const budget = new rules.Budget(false, undefined);
  const store = (storeOf ?? files(rules, stateDir))(profile, component.accountKey(client));
  return {
    client,
    component,
    rules,
    budget,
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
 * What is left out, filled in. A misspelt setting would be passed over unseen.
 *
 * @param {Client} given
 * @returns {Settings}
 */
function complete(given) {
  /** @type {{ [K in keyof Omit<Required<Settings>, 'clientId'>]: Settings[K] }} */
  const defaults = {
    issuer: undefined,
    discover: given.issuer !== undefined,
    endpoints: {},
    assumedEndpoints: {},
    httpsIssuer: false,
    clientSecret: undefined,
    authentication: undefined,
    scopes: [],
    resources: [],
    parameters: [],
    pkce: 'discovered',
    tokenTypeOptional: false,
    requestFormat: 'form',
    protocol: { tag: 'oauth' },
  };
  const known = ['clientId', ...Object.keys(defaults)];
  const stray = Object.keys(given).find((name) => !known.includes(name));
  if (stray === undefined) return { ...defaults, ...given };
  throw new LatchError(
    'invalid-configuration',
    `a client has no setting ${stray}`,
    `use one of ${known.join(', ')}`,
  );
}

/**
 * @param {Rules} rules
 * @param {string} [stateDir]
 * @returns {(profile: string, account: string) => Store}
 */
function files(rules, stateDir) {
  return (profile, account) => new FileStore(rules, stateDir ?? defaultFolder(), profile, account);
}

/**
 * This host's own HTTP: a stored token that is still good is not to wait for it.
 *
 * @type {Send}
 */
async function sendOnceAsked(request, permit) {
  const { send } = await import('./http.js');
  return send(request, permit);
}

/**
 * What the component cannot know.
 *
 * @param {Latch} latch
 */
function context({ clock, entropy }) {
  return { nowMs: BigInt(clock.nowMs()), entropy: entropy() };
}

/**
 * @param {Latch} latch
 * @param {LoginOptions} options
 */
async function loginOnce(
  latch,
  { flow, redirect: wanted, patienceMs, browser = systemBrowser, listen: own },
) {
  // Only now: a stored token is not to wait for what only a login needs.
  const { User } = await import('./user.js');
  const { listen } = await import('./listener.js');
  const { rules, client, clock, entropy, store, terminal, signal } = latch;
  const stored = await read(rules, store);
  const facts = {
    ...surroundings(),
    terminal: terminal.isAttended,
    browserCommand: Array.isArray(browser) || (browser !== false && browser !== systemBrowser),
    showsAddress: browser === false,
  };
  /** @type {Redirect} */
  const redirect = { host: '127.0.0.1', ports: [], path: '/callback', ...wanted };
  let listener;
  try {
    if (flow !== 'device') listener = await (own ? own(redirect) : listen(rules, redirect));
  } catch (error) {
    const mayPaste =
      error instanceof LatchError && error.code === 'port-in-use' && flow !== 'browser';
    if (!mayPaste || !facts.terminal) throw error;
    // No browser can come back here, so the person brings its answer.
    terminal.say(error.message);
    flow = 'paste';
  }
  const port = redirect.ports.length > 0 ? `:${redirect.ports[0]}` : '';
  const request = {
    flow,
    facts,
    redirectUri: listener?.redirectUri ?? `http://${redirect.host}${port}${redirect.path}`,
    patienceMs: patienceMs === undefined ? undefined : BigInt(Math.ceil(patienceMs)),
  };
  let session;
  try {
    session = open(latch, (Session) =>
      Session.login(client, stored?.bytes, request, context(latch)),
    );
  } catch (error) {
    await listener?.close();
    throw error;
  }
  const egress = new Egress(rules, client, { redirectUri: request.redirectUri });
  const user = new User({
    rules,
    egress,
    clock,
    seed: entropy(),
    listener,
    browser: Array.isArray(browser) ? commandBrowser(browser) : browser || undefined,
    browserIsElsewhere: facts.editorTerminal,
    terminal,
    signal,
  });
  const budget = new rules.Budget(true, request.patienceMs);
  const token = granted(await drive(session, { ...latch, budget, user, egress }));
  for (const notice of token.notices) terminal.say(sentence(notice));
  return token;
}

/**
 * Makes room for a new session where the stored one cannot be read.
 *
 * @param {Latch} latch
 * @param {LatchError} damage
 */
async function setAside({ store, terminal, lockPatienceMs, signal }, damage) {
  const lock = await store.lock(lockPatienceMs, signal);
  try {
    terminal.say(`${damage.message}; it is kept as ${await store.setAside()}`);
  } finally {
    await lock.release();
  }
}

/**
 * @param {Latch} latch
 * @param {Parameters<Component['begin']>[0]} opens
 * @returns {Session}
 */
function open({ component, store }, opens) {
  try {
    return component.begin(opens);
  } catch (error) {
    throw placed(error, store);
  }
}

/**
 * @param {Latch} latch
 * @param {Stored | undefined} stored
 */
function egress({ rules, client }, stored) {
  return new Egress(rules, client, { pinned: stored?.origins });
}

// Logs the user in: what only a login needs.

import { commandBrowser, systemBrowser } from './browser.js';
import { milliseconds } from './client.js';
import { drive } from './drive.js';
import { Egress } from './egress.js';
import { LatchError } from './error.js';
import { listen } from './listener.js';
import { read } from './session.js';
import { surroundings } from './surroundings.js';
import { granted } from './token.js';
import { User } from './user.js';

/** @import { Latch, LoginOptions } from './index.js' */
/** @import { Redirect } from './listener.js' */
/** @import { Store } from './store.js' */

/**
 * Ports of the redirect URI of a client that a login registers, tried in order. Many servers
 * compare the port of a redirect URI, so a registration serves later logins only if they get the
 * same port again. The last one is any free port.
 */
const REGISTERED_PORTS = [51571, 51572, 51573, 51574, 0];

/**
 * Logs the user in. A stored session that cannot be read is set aside when the new one is there.
 *
 * @param {Latch} latch
 * @param {LoginOptions} options
 */
export async function logIn(latch, options) {
  try {
    return await logInAt(latch, options);
  } catch (error) {
    if (!(error instanceof LatchError) || error.code !== 'stored-damaged') throw error;
    return logInAt({ ...latch, store: replacing(latch, error) }, options);
  }
}

/**
 * Hides what is stored, and sets it aside when a new session is written: a login that comes to
 * nothing leaves everything as it was.
 *
 * @param {Latch} latch
 * @param {LatchError} damage
 * @returns {Store}
 */
function replacing({ store, terminal }, damage) {
  let isAside = false;
  return {
    place: store.place,
    read: () => undefined,
    write: async (bytes) => {
      if (!isAside) terminal.say(`${damage.message}; it is kept as ${await store.setAside()}`);
      isAside = true;
      await store.write(bytes);
    },
    delete: () => store.delete(),
    probe: () => store.probe(),
    setAside: () => store.setAside(),
    lock: (patienceMs, signal) => store.lock(patienceMs, signal),
  };
}

/**
 * Logs in with a redirect to `127.0.0.1`, or to `localhost` if the provider registers no other
 * client.
 *
 * @param {Latch} latch
 * @param {LoginOptions} options
 */
async function logInAt(latch, options) {
  try {
    return await logInOnce(latch, options);
  } catch (error) {
    const isRefused =
      error instanceof LatchError && error.provider?.error === 'invalid_redirect_uri';
    if (!isRefused || options.redirect?.host !== undefined) throw error;
    latch.terminal.say(
      'The provider registers no client that is called back at 127.0.0.1; trying localhost',
    );
    return logInOnce(latch, { ...options, redirect: { ...options.redirect, host: 'localhost' } });
  }
}

/**
 * @param {Latch} latch
 * @param {LoginOptions} options
 */
async function logInOnce(
  latch,
  {
    flow,
    redirect: wanted,
    patienceMs,
    browser = systemBrowser,
    listen: own,
    challenge,
    acceptIssuer,
    registerAnew = false,
    initialAccessToken,
  },
) {
  const { rules, client, entropy, store, terminal } = latch;
  const stored = await read(rules, store);
  const facts = {
    ...surroundings(),
    terminal: terminal.isAttended,
    browserCommand: browser !== false && browser !== systemBrowser,
    showsAddress: browser === false,
  };
  /** @type {Redirect} */
  const redirect = { host: '127.0.0.1', ports: [], path: '/callback', ...wanted };
  if (client.resourceUrl !== undefined && redirect.ports.length === 0) {
    redirect.ports = REGISTERED_PORTS;
  }
  let listener;
  try {
    if (flow !== 'device') listener = await (own ? own(redirect) : listen(rules, redirect));
  } catch (error) {
    const isPortInUse = error instanceof LatchError && error.code === 'port-in-use';
    if (!isPortInUse || flow === 'browser' || !facts.terminal) throw error;
    // No browser can come back, so the user pastes the address it ends on.
    terminal.say(error.message);
    flow = 'paste';
  }
  const port = redirect.ports.length > 0 ? `:${redirect.ports[0]}` : '';
  const request = {
    flow,
    facts,
    redirectUri: listener?.redirectUri ?? `http://${redirect.host}${port}${redirect.path}`,
    patienceMs: milliseconds(patienceMs),
    challenge,
    acceptedIssuerHost: acceptIssuer,
    register: registerAnew,
    initialAccessToken,
  };
  try {
    // Without the stored origins: a login learns them from the metadata.
    const egress = new Egress(rules, client, { redirectUri: request.redirectUri });
    const user = new User({
      ...latch,
      egress,
      seed: entropy(),
      listener,
      browser: Array.isArray(browser) ? commandBrowser(browser) : browser || undefined,
      browserIsElsewhere: facts.editorTerminal,
    });
    const outcome = await drive(
      (Session, context) => Session.login(client, stored?.bytes, request, context),
      { ...latch, egress, user, patienceMs: request.patienceMs },
    );
    const token = granted(outcome);
    // Each is a phrase.
    for (const [first = '', ...rest] of token.notices) {
      terminal.say(`${first.toUpperCase()}${rest.join('')}.`);
    }
    return token;
  } finally {
    await listener?.close();
  }
}

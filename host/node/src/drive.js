// The host's loop: carries out what a session asks for and tells it the result.

import { decided } from './components.js';
import { Denied } from './egress.js';
import { fault, LatchError, reason } from './error.js';
import { holdSignals } from './interrupts.js';
import { placed, read, readRegistration, seal } from './session.js';

/** @import { AssertionRequest, Context, Exchange, Outcome, Reply, Session, SigningRequest } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Clock } from './clock.js' */
/** @import { Component, Flow, Rules } from './components.js' */
/** @import { Egress } from './egress.js' */
/** @import { Send } from './http.js' */
/** @import { Lock } from './lock.js' */
/** @import { Store } from './store.js' */
/** @import { Terminal } from './terminal.js' */
/** @import { User } from './user.js' */

/** Time to wait for the lock before the user is told. */
const SILENT_WAIT_MS = 1_000;

/** The actions that need the user, in words for the error outside of a login. */
const NEEDS_USER = {
  authorize: 'a browser',
  present: 'a code to be shown',
  visit: 'a page to be shown',
  offer: 'a choice',
  confirm: 'a consent',
};

/** @typedef {(session: Flow['Session'], context: Context) => Session} Open opens a session */

/**
 * What a session runs with.
 *
 * @typedef {object} Parts
 * @property {Pick<Component, 'begin'>} component
 * @property {Rules} rules
 * @property {Clock} clock
 * @property {() => Uint8Array} entropy
 * @property {Send} send
 * @property {string} profile
 * @property {Store} store the store of the session
 * @property {(name: string) => Store} registrationStore returns the store of the registration with
 *   this name, which the login component chose
 * @property {Egress} egress
 * @property {Terminal} terminal
 * @property {number} lockPatienceMs
 * @property {(request: AssertionRequest) => Promise<string>} [assertion] reads the assertion
 *   that the client presents (RFC 7521), anew at each call
 * @property {(request: SigningRequest) => Promise<Uint8Array>} [sign] signs with the client's
 *   key: of ES256, the signature is `R || S`
 * @property {(token: string) => Promise<string>} [decrypt] decrypts a token in compact form (RFC
 *   7516) with the client's key
 * @property {AbortSignal} [signal] ends waits. It ends no request: the provider may have
 *   replaced the refresh token already
 * @property {User} [user] only a login has one
 * @property {bigint} [patienceMs] time limit for the user
 */

/**
 * Opens a session and steps it to its end.
 *
 * The browser gets its last page only now: after the code was exchanged and the session was
 * saved.
 *
 * @param {Open} open
 * @param {Parts} parts
 */
export async function drive(open, parts) {
  try {
    const outcome = await steps(open, parts);
    await parts.user?.close();
    return outcome;
  } catch (error) {
    const failure = translated(error, parts.signal);
    const { code, message, remedy, provider } = failure;
    const ended = { failure: { code, message, remedy }, provider };
    // The first error is the one to tell.
    await parts.user?.close(ended).catch(() => {});
    throw failure;
  }
}

/**
 * @param {Open} open
 * @param {Parts} parts
 * @returns {Promise<Outcome>}
 */
async function steps(open, parts) {
  const { component, clock, entropy, store, user, rules, egress, profile } = parts;
  const budget = new rules.Budget(user !== undefined, parts.patienceMs);
  const context = { nowMs: BigInt(clock.nowMs()), entropy: entropy() };
  const session = placed(store, () => component.begin((Session) => open(Session, context)));
  const next = (/** @type {Reply} */ reply) =>
    placed(store, () => session.next(reply, BigInt(clock.nowMs())));
  /** @type {Lock | undefined} */
  let lock;
  /** The registration that is locked. @type {{ store: Store, lock: Lock } | undefined} */
  let registration;
  let releaseSignals = async () => {};
  try {
    /** @type {Reply} */
    let reply = { tag: 'begin' };
    for (;;) {
      const action = next(reply);
      /** @type {{ url?: string, verificationUri?: string, waitMs?: bigint }} */
      const asked = 'val' in action ? Object(action.val) : {};
      const { url = asked.verificationUri, waitMs = 0n } = asked;
      const admittedMs = decided(() => budget.admit(action.tag, url, waitMs));
      if (asked.waitMs !== undefined) asked.waitMs = admittedMs;
      switch (action.tag) {
        case 'lock':
          if (!lock) {
            const what = `with the session of the profile ${profile}`;
            lock = await locked(store, what, parts);
            // From here to the save, signals must not end the program.
            releaseSignals = holdSignals();
          }
          reply = { tag: 'locked', val: (await read(rules, store))?.bytes };
          break;
        case 'probe':
          await store.probe();
          reply = { tag: 'probed' };
          break;
        case 'exchange':
          reply = { tag: 'answered', val: await exchange(action.val, parts) };
          break;
        case 'authorize':
        case 'present':
        case 'visit':
        case 'offer':
        case 'confirm':
          if (!user) {
            const what = `the login component asked for ${NEEDS_USER[action.tag]}`;
            throw fault('sandbox-fault', `${what} outside of a login`);
          }
          reply = await user.perform(action);
          break;
        case 'read-assertion': {
          const what = 'the client presents an assertion, but nothing says where to find it';
          const read = needed(parts.assertion, what, 'assertion');
          reply = { tag: 'assertion', val: await read(action.val) };
          break;
        }
        case 'sign': {
          const what = 'the client signs with a key, but nothing signs for it';
          reply = { tag: 'signed', val: await needed(parts.sign, what, 'sign')(action.val) };
          break;
        }
        case 'decrypt': {
          const what = 'the client decrypts with a key, but nothing decrypts for it';
          const decrypt = needed(parts.decrypt, what, 'decrypt');
          reply = { tag: 'decrypted', val: await decrypt(action.val) };
          break;
        }
        case 'save':
          if (!lock) {
            const what = "the login component saved a session without the session's lock";
            throw fault('sandbox-fault', what);
          }
          reply = await saved(store, action.val, parts);
          break;
        case 'read-registration': {
          const kept = parts.registrationStore(action.val);
          reply = { tag: 'registration', val: await readRegistration(rules, kept) };
          break;
        }
        case 'lock-registration': {
          const kept = parts.registrationStore(action.val);
          // The old lock first: two processes must not wait for each other.
          await registration?.lock.release();
          registration = undefined;
          registration = { store: kept, lock: await locked(kept, 'its registration', parts) };
          reply = { tag: 'registration', val: await readRegistration(rules, kept) };
          break;
        }
        case 'save-registration': {
          if (!registration) {
            const what = 'the login component saved a registration without its lock';
            throw fault('sandbox-fault', what);
          }
          reply = await saved(registration.store, action.val, parts);
          const { lock: held } = registration;
          registration = undefined;
          await held.release();
          break;
        }
        case 'done': {
          const { tag, val } = action.val;
          // The caller sends the user there.
          const page = tag === 'logged-out' ? val.endSessionUrl : undefined;
          if (page !== undefined) decided(() => egress.policy.permitPage(page));
          return action.val;
        }
      }
      const { tag } = reply;
      decided(() => budget.note(tag));
    }
  } finally {
    try {
      // One that fails does not keep the other.
      await Promise.all([registration?.lock, lock].map(async (held) => held?.release()));
    } finally {
      await releaseSignals();
    }
  }
}

/**
 * Takes the lock of a session or a registration. Tells the user if that takes long.
 *
 * @param {Store} store
 * @param {string} what what the other process finishes, for the user
 * @param {Parts} parts
 */
async function locked(store, what, { clock, terminal, lockPatienceMs, signal }) {
  const text = `Waiting for another process to finish ${what}`;
  const end = new AbortController();
  clock.sleep(SILENT_WAIT_MS, end.signal).then(
    () => terminal.say(text),
    () => {},
  );
  try {
    return await store.lock(lockPatienceMs, signal);
  } finally {
    end.abort();
  }
}

/**
 * Returns a part of the host that only some clients need. Fails with `invalid-configuration` and
 * the option that sets it if it is not there.
 *
 * @template T
 * @param {T | undefined} part
 * @param {string} what
 * @param {string} option
 * @returns {T}
 */
function needed(part, what, option) {
  if (part) return part;
  throw new LatchError('invalid-configuration', what, `set the option \`${option}\``);
}

/**
 * Replaces what is stored, or deletes it if there are no bytes. Returns the reply.
 *
 * @param {Store} store
 * @param {Uint8Array | undefined} bytes
 * @param {Parts} parts
 * @returns {Promise<Reply>}
 */
async function saved(store, bytes, { rules, egress }) {
  try {
    const origins = egress.policy.pinnedOrigins();
    if (bytes) await store.write(seal(rules, { origins, bytes }));
    else await store.delete();
    return { tag: 'saved' };
  } catch (error) {
    return { tag: 'not-saved', val: translated(error).message };
  }
}

/**
 * @param {Exchange} exchange
 * @param {Parts} parts
 * @returns {ReturnType<Send>}
 */
async function exchange({ purpose, waitMs, timeoutMs, request }, { clock, send, egress, signal }) {
  if (waitMs > 0n) await clock.sleep(Number(waitMs), signal);
  try {
    const permit = egress.permit(request);
    const limitMs = timeoutMs === undefined ? undefined : Number(timeoutMs);
    const answer = await send({ ...request, url: permit.url }, permit, limitMs);
    if (answer.tag === 'ok') egress.learn(purpose, request.url, answer.val, request.body);
    return answer;
  } catch (error) {
    if (error instanceof Denied) return { tag: 'err', val: { tag: 'denied', val: error.message } };
    throw error;
  }
}

/**
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 */
function translated(error, signal) {
  if (error instanceof LatchError) return error;
  if (!signal?.aborted) return fault('host-fault', `this host failed: ${reason(error)}`);
  return new LatchError('interrupted', 'the program was interrupted', 'run it again');
}

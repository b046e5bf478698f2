// The host's loop: does what a session asks for, and tells it what came of it.

import { decided } from './components.js';
import { Denied } from './egress.js';
import { LatchError, reason, sandboxFault } from './error.js';
import { holdSignals } from './interrupts.js';
import * as session from './session.js';

/** @import { Action, Exchange, Outcome, Reply, Session } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Clock } from './clock.js' */
/** @import { Egress } from './egress.js' */
/** @import { Send } from './http.js' */
/** @import { Budget } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Lock } from './lock.js' */
/** @import { Component, Rules } from './components.js' */
/** @import { Store } from './store.js' */
/** @import { Terminal } from './terminal.js' */
/** @import { User } from './user.js' */

/** A wait that nobody need be told of. */
const UNTOLD_WAIT_MS = 1_000;

/**
 * What a session is driven with.
 *
 * @typedef {object} Parts
 * @property {Pick<Component, 'next'>} component
 * @property {Rules} rules
 * @property {Budget} budget how much the session may still ask for
 * @property {Clock} clock
 * @property {Send} send
 * @property {Store} store
 * @property {Egress} egress
 * @property {Terminal} terminal
 * @property {number} lockPatienceMs
 * @property {AbortSignal} [signal] ends waits, and no request: a provider that
 * replaces refresh tokens has perhaps replaced this one already
 * @property {User} [user] only a login has one
 */

/**
 * Steps the session to its end.
 *
 * The browser gets its page only then: after the code was exchanged and what it
 * brought was saved.
 *
 * @param {Session} session
 * @param {Parts} parts
 */
export async function drive(session, parts) {
  try {
    const outcome = await steps(session, parts);
    await parts.user?.close();
    return outcome;
  } catch (error) {
    const failure = translated(error, parts.signal);
    const { code, message, remedy, provider } = failure;
    await parts.user?.close({ failure: { code, message, remedy }, provider });
    throw failure;
  }
}

/**
 * @param {Session} session
 * @param {Parts} parts
 * @returns {Promise<Outcome>}
 */
async function steps(session, parts) {
  const { store, user, rules, budget } = parts;
  /** @type {Lock | undefined} */
  let lock;
  let releaseSignals = async () => {};
  try {
    /** @type {Reply} */
    let reply = { tag: 'begin' };
    for (;;) {
      const action = admitted(next(session, reply, parts), budget);
      switch (action.tag) {
        case 'lock':
          if (!lock) {
            lock = await locked(parts);
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
          reply = await only(user, 'a browser').authorize(action.val);
          break;
        case 'present':
          reply = await only(user, 'a code to be shown').present(action.val);
          break;
        case 'visit':
          reply = await only(user, 'a page to be shown').visit(action.val);
          break;
        case 'offer':
          reply = await only(user, 'a choice').offer(action.val);
          break;
        case 'save':
          reply = await save(action.val, parts);
          break;
        case 'done':
          return action.val;
        default:
          throw sandboxFault('the login component asked for what this host does not know');
      }
      const { tag } = reply;
      decided(() => budget.note(tag));
    }
  } finally {
    try {
      await lock?.release();
    } finally {
      await releaseSignals();
    }
  }
}

/**
 * Counts an action. Returns it with its wait cut to the time that the user has.
 *
 * @param {Action} action
 * @param {Budget} budget
 * @returns {Action}
 */
function admitted(action, budget) {
  /** @type {{ url?: string, verificationUri?: string, waitMs?: bigint }} */
  const { url, verificationUri, waitMs = 0n } = 'val' in action ? Object(action.val) : {};
  const limitedMs = decided(() => budget.admit(action.tag, url ?? verificationUri, waitMs));
  switch (action.tag) {
    case 'authorize':
      return { tag: action.tag, val: { ...action.val, waitMs: limitedMs } };
    case 'offer':
      return { tag: action.tag, val: { ...action.val, waitMs: limitedMs } };
    default:
      return action;
  }
}

/**
 * The component knows no places: a session that it cannot read is named here.
 *
 * @param {Session} session
 * @param {Reply} reply
 * @param {Parts} parts
 * @returns {Action}
 */
function next(session, reply, { component, clock, store }) {
  try {
    return component.next(session, reply, BigInt(clock.nowMs()));
  } catch (error) {
    throw placed(error, store);
  }
}

/**
 * The lock. Whoever waits for it for long is told.
 *
 * @param {Parts} parts
 */
async function locked({ clock, store, terminal, lockPatienceMs, signal }) {
  const over = new AbortController();
  clock.sleep(UNTOLD_WAIT_MS, over.signal).then(
    () => terminal.say('Waiting for another process to finish with this session'),
    () => {},
  );
  try {
    return await store.lock(lockPatienceMs, signal);
  } finally {
    over.abort();
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
    const limit = timeoutMs === undefined ? undefined : Number(timeoutMs);
    const permit = egress.permit(request);
    const answer = await send({ ...request, url: permit.url }, permit, limit);
    if (answer.tag === 'ok') egress.learn(purpose, request.url, answer.val);
    return answer;
  } catch (error) {
    if (error instanceof Denied) return { tag: 'err', val: { tag: 'denied', val: error.message } };
    throw error;
  }
}

/**
 * @param {Uint8Array | undefined} bytes
 * @param {Parts} parts
 * @returns {Promise<Reply>}
 */
async function save(bytes, { rules, store, egress }) {
  try {
    if (bytes) await store.write(session.seal(rules, { origins: egress.pinnedOrigins(), bytes }));
    else await store.delete();
    return { tag: 'saved' };
  } catch (error) {
    return { tag: 'not-saved', val: translated(error).message };
  }
}

/**
 * What is stored now.
 *
 * @param {Rules} rules
 * @param {Store} store
 */
export async function read(rules, store) {
  const stored = await store.read();
  return stored && session.open(rules, stored, store.place);
}

/**
 * Names the place where what the component could not read is stored.
 *
 * @param {unknown} error
 * @param {Store} store
 */
export function placed(error, store) {
  const unreadable =
    error instanceof LatchError && ['stored-damaged', 'stored-newer'].includes(error.code);
  return unreadable ? error.at(store.place) : error;
}

/**
 * Returns the user, whom only a login has.
 *
 * @param {User | undefined} user
 * @param {string} what was asked for
 */
function only(user, what) {
  if (!user) throw sandboxFault(`the login component asked for ${what} outside of a login`);
  return user;
}

/**
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 */
function translated(error, signal) {
  if (error instanceof LatchError) return error;
  if (signal?.aborted) {
    return new LatchError('interrupted', 'the program was interrupted', 'run it again');
  }
  return new LatchError(
    'host-fault',
    `this host failed: ${reason(error)}`,
    'report it with the version of this program',
  );
}

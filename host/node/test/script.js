// Plays a recorded session against the host's loop: the provider, the store, the user and the
// browser do what was recorded, at the time that was recorded. No wait takes real time.

import assert from 'node:assert/strict';

import { Component, loadRules } from '../src/components.js';
import { drive } from '../src/drive.js';
import { Egress } from '../src/egress.js';
import { LatchError } from '../src/error.js';
import * as session from '../src/session.js';
import { User } from '../src/user.js';
import { begin, conversation, encode } from './replay.js';

/** Ends a loop at the end of a transcript that breaks off. */
class BrokeOff extends Error {}

/**
 * Returns whether a loop can have had this session: it gives each reply once, to the action that
 * the reply belongs to, and stops when the session ends. It does not reply `cancelled`: an
 * interrupted loop just ends.
 */
export function isForLoops({ steps }) {
  const [first] = steps;
  return (
    first?.reply === 'begin' &&
    steps.every(
      ({ reply, failure }) => failure?.code !== 'unexpected-reply' && reply !== 'cancelled',
    ) &&
    steps.slice(0, -1).every((step) => !ends(step))
  );
}

/** Runs the host's loop. Its replies must be the recorded ones. */
export async function play(transcript) {
  const rules = await loadRules();
  const { opening } = conversation(transcript);
  const isLogin = opening.tag === 'login';
  const egress = new Egress(rules, opening.val.client, {
    pinned: isLogin ? [] : origins(transcript),
    redirectUri: opening.val.request?.redirectUri,
    resolve: async () => [],
  });
  const script = new Script(transcript, rules, egress);
  const component = await Component.load();
  const last = transcript.steps.at(-1);
  const session = begin(component, opening);
  const scripted = { next: (...told) => script.next(session, ...told) };
  const driven = drive(() => session, {
    rules,
    patienceMs: opening.val.request?.patienceMs,
    component: { begin: () => scripted },
    clock: script.clock,
    entropy: () => opening.val.context.entropy,
    send: (request) => script.send(request),
    store: script.store,
    registrationStore: () => script.registration,
    egress,
    terminal: script.terminal,
    lockPatienceMs: 1_000,
    user: isLogin ? script.user : undefined,
  });
  const done = last.action?.done;
  const outcome = await driven.then(
    (outcome) => ({ outcome }),
    (error) => ({ error }),
  );
  // The loop turns other errors into its own.
  if (script.fault) throw script.fault;
  if (done) assert.deepEqual(outcome.outcome ? encode(outcome.outcome) : outcome.error, done);
  else if (ends(last)) assert.equal(outcome.error?.code, last.failure.code);
  assert.equal(script.at, transcript.steps.length, 'the loop stopped early');
  assert.equal(script.locks, 0, 'the lock is free again');
  if (script.lastPage)
    assert.equal(script.lastPage.html.includes('You are logged in'), Boolean(done));
}

function ends({ action, failure }) {
  return failure !== undefined || action.done !== undefined;
}

/** Returns the origins that a host with an older session has pinned. */
function origins({ steps }) {
  const asked = steps.filter((_, at) => steps[at + 1]?.reply.answered?.error?.denied === undefined);
  return asked.flatMap(({ action }) =>
    action?.exchange ? [new URL(action.exchange.request.url).origin] : [],
  );
}

function isByUser(reply) {
  return ['redirected', 'pasted', 'chosen', 'confirmed'].includes(reply?.tag);
}

class Script {
  /** The number of replies that the loop has given. */
  at = 0;
  locks = 0;
  /** The first difference from the recording. */
  fault;
  /** The page that the browser got when the login had ended. */
  lastPage;
  #rules;
  #egress;
  #steps;
  #replies;
  /** The browser's requests that were not taken yet, oldest first. */
  #visits = [];
  #cookie = '';
  #redirectedAt;
  #arrived = () => {};

  constructor(transcript, rules, egress) {
    this.#rules = rules;
    this.#egress = egress;
    this.#steps = transcript.steps;
    this.#replies = conversation(transcript).replies;
  }

  /** Passes the loop's reply on to the component. It must be the recorded one. */
  next(session, reply, nowMs) {
    const { at } = this;
    const recorded = this.#steps[at];
    this.#expect(recorded?.reply, encode(reply));
    this.#expect(recorded['now-ms'], encode(nowMs));
    this.at += 1;
    const action = session.next(reply, nowMs);
    this.#expect(recorded.action, encode(action));
    if (this.at === this.#steps.length && !ends(recorded)) throw new BrokeOff();
    return action;
  }

  #expect(expected, found) {
    try {
      assert.deepEqual(found, expected, `at steps[${this.at}]`);
    } catch (error) {
      this.fault ??= error;
      throw error;
    }
  }

  /** The recorded reply to the last action. */
  get #coming() {
    return this.#replies[this.at]?.reply ?? {};
  }

  clock = {
    nowMs: () => Number(this.#replies[this.at].nowMs),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const [from, to] = [this.#replies[this.at - 1], this.#replies[this.at]];
        if (to && to.nowMs - from.nowMs >= ms) resolve();
        else if (!isByUser(to?.reply))
          reject(new Error(`nothing ends a sleep of ${ms} ms at steps[${this.at}]`));
        else signal.addEventListener('abort', () => reject(signal.reason));
      }),
  };

  async send(request) {
    this.#expect(this.#steps[this.at - 1].action.exchange.request, encode(request));
    return this.#coming.val;
  }

  store = {
    place: 'the script',
    read: () => {
      const bytes = this.#coming.val;
      return bytes && session.seal(this.#rules, { origins: [], bytes });
    },
    write: (bytes) => this.#save('save', session.open(this.#rules, bytes, '').bytes),
    delete: () => this.#save('save', undefined),
    probe: () => {},
    lock: async () => {
      this.locks += 1;
      return {
        release: () => {
          this.locks -= 1;
        },
      };
    },
  };

  registration = {
    ...this.store,
    write: (bytes) => this.#save('save-registration', session.open(this.#rules, bytes, '').bytes),
    delete: () => this.#save('save-registration', undefined),
  };

  /** The recorded action with this name must save these bytes. */
  #save(action, bytes) {
    this.#expect(this.#steps[this.at - 1].action[action], encode(bytes));
    if (this.#coming.tag === 'not-saved') throw new LatchError('not-saved', this.#coming.val, '');
  }

  terminal = {
    isAttended: true,
    say: () => {},
    ask: async () => {
      const { tag, val } = this.#coming;
      if (tag === 'confirmed') return '';
      return tag === 'pasted' || tag === 'chosen' ? val : new Promise(() => {});
    },
  };

  /** The host's own `User`, with a scripted listener, browser and terminal. */
  get user() {
    const redirectUri = 'http://127.0.0.1:8000/callback';
    const listener = {
      redirectUri,
      arrival: () =>
        new Promise((resolve) => {
          this.#arrived = resolve;
          this.#come();
          if (this.#visits.length > 0) resolve();
        }),
      take: () => {
        this.#come();
        return this.#visits.shift();
      },
      close: async () => {},
    };
    return new User({
      rules: this.#rules,
      egress: this.#egress,
      clock: this.clock,
      seed: new Uint8Array(32),
      listener,
      browser: (url) => this.#open(url),
      terminal: this.terminal,
    });
  }

  /** Plays the browser. It does not start if the user pasted or chose instead. */
  #open(address) {
    const { authorize } = this.#steps[this.at - 1].action;
    // Other pages do not redirect back.
    if (!authorize) return;
    for (let at = this.at; this.#steps[at - 1]?.action?.authorize?.url === authorize.url; at += 1) {
      if (['pasted', 'chosen'].includes(this.#replies[at]?.reply.tag))
        throw new Error('there is none');
    }
    const { pathname, search } = new URL(address);
    this.#visit(pathname + search, (page) => {
      // A login whose time is over gives no cookie.
      this.#cookie = page.cookie?.split(';')[0] ?? '';
    });
  }

  /** Brings the recorded redirect, once the browser has opened the login's address. */
  #come() {
    if (
      this.#coming.tag !== 'redirected' ||
      this.#redirectedAt === this.at ||
      this.#visits.length > 0
    )
      return;
    this.#redirectedAt = this.at;
    const end = this.#rules.endAddress();
    this.#visit(this.#coming.val, (page) => {
      if (page.location === end)
        this.#visit(end, (last) => {
          this.lastPage = last;
        });
    });
  }

  #visit(target, answered) {
    this.#visits.push({ target, cookies: this.#cookie, answer: async (page) => answered(page) });
    this.#arrived();
  }
}

// Replaying a recorded conversation: the same opening and the same replies must bring
// the same actions and failures (`testing/conformance/README.md`).

import { readFile, stat } from 'node:fs/promises';

import { damaged, encode, misfit, object, u64 } from './codec.js';
import { Component, fingerprint } from './component.js';
import { opening, reply } from './contract.js';
import { LatchError, printable, reason } from './error.js';

/** @import { Reply, Session } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Json } from './codec.js' */
/** @import { Opening } from './contract.js' */

/** Raised whenever an older reader would misunderstand a newer transcript. */
const FORMAT = 1;
const CONTRACT = 'latchstring:login@0.2.0';

/** Bytes; many times what a conversation with the largest answers takes. */
const LONGEST_FILE = 16 << 20;

/** Characters of a value that differs, as it is shown. */
const LONGEST_SHOWN = 160;

/**
 * A conversation, in the format of the conformance kit.
 *
 * @typedef {object} Transcript
 * @property {number} transcript the format's number
 * @property {string} contract
 * @property {string} component SHA-256 of the one that took part
 * @property {Json} open
 * @property {Json} [failure] of the opening itself
 * @property {Step[]} steps
 */

/** @typedef {{ reply: Json, 'now-ms': Json, action?: Json, failure?: Json }} Step */

/**
 * A transcript in the binding's own values.
 *
 * @typedef {object} Conversation
 * @property {Opening} opening
 * @property {{ reply: Reply, nowMs: bigint }[]} replies
 */

/**
 * Replays a file; fails with `host-fault` and the first difference where the
 * component does not do as the file says.
 *
 * @param {string} path
 */
export async function replayFile(path) {
  const recorded = await readTranscript(path);
  const found = await replay(recorded);
  const first = difference(recorded, found);
  if (first === undefined) return found;
  throw new LatchError(
    'host-fault',
    `not as recorded: ${first}`,
    recorded.component === found.component
      ? 'report it: the same component did something else'
      : `replay it with the component that took part, ${recorded.component}`,
  );
}

/**
 * A transcript from its file; fails with `invalid-configuration` where that holds none.
 *
 * @param {string} path
 * @returns {Promise<Transcript>}
 */
export async function readTranscript(path) {
  try {
    if ((await stat(path)).size > LONGEST_FILE) throw damaged(`${path} is larger than 16 MiB`);
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(`${path} is not JSON`);
    if (error instanceof LatchError) throw error;
    throw new LatchError(
      'invalid-configuration',
      `${path} cannot be read: ${reason(error)}`,
      'name the file of a transcript',
    );
  }
}

/**
 * What the component does today where it is told what the transcript tells it. A
 * transcript that cannot be read fails with `invalid-configuration`.
 *
 * @param {unknown} transcript
 * @returns {Promise<Transcript>}
 */
export async function replay(transcript) {
  const { opening, replies } = conversation(transcript);
  const component = await Component.load();
  const head = {
    transcript: FORMAT,
    contract: CONTRACT,
    component: (await fingerprint()).sha256,
    open: encode(opening),
  };
  /** @type {Session} */
  let session;
  try {
    session = begin(component, opening);
  } catch (error) {
    return { ...head, failure: failure(error), steps: [] };
  }
  const steps = replies.map((told) => ({
    reply: encode(told.reply),
    'now-ms': encode(told.nowMs),
    ...outcome(() => component.next(session, told.reply, told.nowMs)),
  }));
  return { ...head, steps };
}

/**
 * Where the two first differ, in one line; none where they do not. Which component
 * took part makes no difference.
 *
 * @param {Transcript} expected
 * @param {Transcript} found
 */
export function difference(expected, found) {
  for (const member of /** @type {const} */ ([
    'transcript',
    'contract',
    'open',
    'failure',
    'steps',
  ])) {
    const one = compared(expected[member], found[member], member);
    if (one !== undefined) return one;
  }
  return undefined;
}

/**
 * A transcript's parts, each in its type; fails with `invalid-configuration` where it
 * is none.
 *
 * @param {unknown} transcript
 * @returns {Conversation}
 */
export function conversation(transcript) {
  const {
    transcript: format,
    contract,
    open,
    failure: ended,
    steps,
  } = object(transcript, 'the whole');
  if (typeof format === 'number' && format > FORMAT) {
    throw new LatchError(
      'invalid-configuration',
      `the transcript has format ${format}; this version reads up to ${FORMAT}`,
      'use the newer version that wrote it',
    );
  }
  if (format !== FORMAT) throw misfit('transcript', `the format's number, ${FORMAT}`);
  if (contract !== CONTRACT) throw misfit('contract', CONTRACT);
  if (!Array.isArray(steps)) throw misfit('steps', 'a list');
  if (ended !== undefined && steps.length > 0)
    throw misfit('steps', 'empty, where the opening failed');
  return {
    opening: opening(open, 'open'),
    replies: steps.map((step, at) => replied(step, `steps[${at}]`)),
  };
}

/**
 * Opens the session that a conversation is about.
 *
 * @param {Component} component
 * @param {Opening} opening
 */
export function begin(component, { tag, val }) {
  return component.begin((Session) => {
    switch (tag) {
      case 'login':
        return Session.login(val.client, val.stored, val.request, val.context);
      case 'token':
        return Session.token(val.client, val.stored, val.demand, val.context);
      case 'logout':
        return Session.logout(val.client, val.stored, val.context);
      case 'adopt':
        return Session.adopt(val.client, val.tokens, val.context);
    }
  });
}

/**
 * @param {unknown} step
 * @param {string} path
 */
function replied(step, path) {
  const { reply: told, 'now-ms': nowMs, ...ended } = object(step, path);
  const [end, ...others] = Object.keys(ended);
  if (others.length > 0 || (end !== 'action' && end !== 'failure')) {
    throw misfit(path, 'a reply with its action or its failure');
  }
  return { reply: reply(told, `${path}.reply`), nowMs: u64(nowMs, `${path}.now-ms`) };
}

/** @param {() => unknown} step */
function outcome(step) {
  let action;
  try {
    action = step();
  } catch (error) {
    return { failure: failure(error) };
  }
  return { action: encode(action) };
}

/**
 * A failure as the contract has it.
 *
 * @param {unknown} error
 */
export function failure(error) {
  if (!(error instanceof LatchError)) throw error;
  const { code, message, remedy, provider, retryable } = error;
  return encode({ code, message, remedy, provider, retryable });
}

/**
 * @param {unknown} expected
 * @param {unknown} found
 * @param {string} path
 * @returns {string | undefined}
 */
function compared(expected, found, path) {
  if (expected === found) return undefined;
  const [one, other] = [expected, found].map((value) =>
    typeof value === 'object' && value !== null
      ? /** @type {Record<string, unknown>} */ (value)
      : undefined,
  );
  if (!one || !other || Array.isArray(one) !== Array.isArray(other)) {
    return `${path}: expected ${shown(expected)}, found ${shown(found)}`;
  }
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const below = Array.isArray(one) ? `${path}[${name}]` : `${path}.${name}`;
    const first = compared(one[name], other[name], below);
    if (first !== undefined) return first;
  }
  return undefined;
}

/** @param {unknown} value */
function shown(value) {
  const whole = printable(JSON.stringify(value) ?? 'nothing');
  return whole.length > LONGEST_SHOWN ? `${whole.slice(0, LONGEST_SHOWN)}…` : whole;
}

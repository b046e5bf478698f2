// The player of the conformance kit: the same opening and the same replies must bring the same
// actions and failures (`testing/conformance/README.md`).

import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';

import { Component, fingerprint } from '../src/components.js';
import { LatchError, printable, reason } from '../src/error.js';

/** @import { Client, Context, Demand, LoginRequest, Reply, Tokens } from '../component/interfaces/latchstring-login-flow.js' */

/** The format of transcripts. A newer format has a greater number. */
const FORMAT = 1;
const CONTRACT = 'latchstring:login@0.3.0';

/** The functions that open a session. */
const FUNCTIONS = ['login', 'token', 'logout', 'adopt'];

/** Largest transcript in bytes, many times a session with the largest responses. */
const FILE_LIMIT = 16 << 20;

/** Characters of a value that are shown in a difference. */
const SHOWN_CHARACTERS = 160;

/**
 * A recorded session, in the format of the conformance kit. Values are JSON.
 *
 * @typedef {object} Transcript
 * @property {number} transcript the number of the format
 * @property {string} contract
 * @property {string} component SHA-256 of the component that took part
 * @property {unknown} open
 * @property {unknown} [failure] of the opening itself
 * @property {{ reply: unknown, 'now-ms': unknown, action?: unknown, failure?: unknown }[]} steps
 */

/**
 * The function that opens a session, and its parameters.
 *
 * @typedef {{ tag: 'login', val: { client: Client, stored?: Uint8Array, request: LoginRequest, context: Context } }
 *   | { tag: 'token', val: { client: Client, stored?: Uint8Array, demand: Demand, context: Context } }
 *   | { tag: 'logout', val: { client: Client, stored?: Uint8Array, unregister: boolean, context: Context } }
 *   | { tag: 'adopt', val: { client: Client, tokens: Tokens, context: Context } }} Opening
 */

/**
 * Replays a file. Fails with `host-fault` and the first difference if the component does not
 * do what the file says.
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
 * Reads a transcript from a file. Fails with `invalid-configuration` if the file cannot be read
 * or is not JSON.
 *
 * @param {string} path
 * @returns {Promise<Transcript>}
 */
export async function readTranscript(path) {
  try {
    if ((await stat(path)).size > FILE_LIMIT) throw damaged(`${path} is larger than 16 MiB`);
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(`${path} is not JSON`);
    if (error instanceof LatchError) throw error;
    throw new LatchError(
      'invalid-configuration',
      `${path} cannot be read: ${reason(error)}`,
      'pass a file that `latch --record` wrote',
    );
  }
}

/**
 * Gives the component what the transcript gives it, and returns the transcript of that. Fails
 * with `invalid-configuration` if the transcript cannot be read.
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
  let session;
  try {
    session = begin(component, opening);
  } catch (error) {
    return { ...head, failure: failure(error), steps: [] };
  }
  const next = (/** @type {Reply} */ reply, /** @type {bigint} */ nowMs) => {
    let action;
    try {
      action = session.next(reply, nowMs);
    } catch (error) {
      return { failure: failure(error) };
    }
    return { action: encode(action) };
  };
  const steps = replies.map(({ reply, nowMs }) => ({
    reply: encode(reply),
    'now-ms': encode(nowMs),
    ...next(reply, nowMs),
  }));
  return { ...head, steps };
}

/**
 * Returns the first difference in one line, or `undefined` if there is none. Which component
 * took part does not count.
 *
 * @param {Transcript} expected
 * @param {Transcript} found
 */
export function difference(expected, found) {
  const counted = (/** @type {Transcript} */ { transcript, contract, open, failure, steps }) => ({
    transcript,
    contract,
    open,
    failure,
    steps,
  });
  return compared(counted(expected), counted(found), '');
}

/**
 * Returns the opening and the replies of a transcript. Fails with `invalid-configuration` if it
 * is not a transcript.
 *
 * @param {unknown} transcript
 * @returns {{ opening: Opening, replies: { reply: Reply, nowMs: bigint }[] }}
 */
export function conversation(transcript) {
  const { transcript: format, contract, open, ...ended } = object(transcript, 'the document');
  if (typeof format === 'number' && format > FORMAT) {
    throw new LatchError(
      'invalid-configuration',
      `the recording has format ${format}; this version reads up to ${FORMAT}`,
      'use the newer version that wrote it',
    );
  }
  if (format !== FORMAT) throw damaged(`transcript is not the format's number, ${FORMAT}`);
  if (contract !== CONTRACT) throw damaged(`contract is not ${CONTRACT}`);
  const { steps } = ended;
  if (!Array.isArray(steps)) throw damaged('steps is not a list');
  if (ended.failure !== undefined && steps.length > 0) {
    throw damaged('steps is not empty, although the opening failed');
  }
  const replies = steps.map((step, at) => {
    const { reply, 'now-ms': nowMs, ...result } = object(step, `steps[${at}]`);
    if (!['action', 'failure'].includes(Object.keys(result).join())) {
      throw damaged(`steps[${at}] is not a reply with its action or its failure`);
    }
    return {
      reply: /** @type {Reply} */ (decode(reply, 'reply')),
      nowMs: /** @type {bigint} */ (decode(nowMs, 'now-ms')),
    };
  });
  const opening = /** @type {Opening} */ (decode(object(open, 'open'), 'open'));
  if (!FUNCTIONS.includes(opening.tag)) {
    throw damaged(`open is not one of ${FUNCTIONS.join(', ')}`);
  }
  return { opening, replies };
}

/**
 * Opens the session of a transcript.
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
        return Session.logout(val.client, val.stored, val.unregister, val.context);
      case 'adopt':
        return Session.adopt(val.client, val.tokens, val.context);
    }
  });
}

// ---- Values of the contract as JSON -------------------------------------------------

/** Members whose values are variants or results. Other objects are records or bytes. */
const VARIANTS = [
  'open',
  'reply',
  'protocol',
  'grant',
  'audience',
  'examination',
  'answered',
  'error',
];

/**
 * Returns a value of the contract as JSON.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
export function encode(value) {
  if (value === undefined) return null;
  if (typeof value === 'bigint') {
    if (value > Number.MAX_SAFE_INTEGER) throw damaged('a number is not below 2^53');
    return Number(value);
  }
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    return isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString('base64') };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== 'object' || value === null) return value;
  const { tag, val } = /** @type {{ tag?: unknown, val?: unknown }} */ (value);
  if (tag === 'err') return { error: encode(val) };
  if (typeof tag === 'string') return 'val' in value ? { [tag]: encode(val) } : tag;
  const kebab = (/** @type {string} */ name) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [kebab(name), encode(member)]),
  );
}

/**
 * Returns JSON as a value of the contract. The component checks its type.
 *
 * @param {unknown} json
 * @param {string} name the member or case that it is the value of
 * @returns {unknown}
 */
function decode(json, name) {
  if (json === null) return undefined;
  if (typeof json === 'number') {
    if (!Number.isSafeInteger(json)) throw damaged(`${name} is not a whole number below 2^53`);
    // The only integer of the contract that is not 64 bits long.
    return name === 'status' ? json : BigInt(json);
  }
  if (VARIANTS.includes(name)) return decodeCase(json, name);
  if (Array.isArray(json)) return json.map((element) => decode(element, name));
  if (typeof json !== 'object') return json;
  const { text, base64 } = object(json, name);
  if (typeof text === 'string') return new TextEncoder().encode(text);
  if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
  const camel = (/** @type {string} */ key) =>
    key.replace(/-[a-z]/g, (letter) => letter[1].toUpperCase());
  return Object.fromEntries(
    Object.entries(json).map(([key, member]) => [camel(key), decode(member, key)]),
  );
}

/**
 * @param {unknown} json
 * @param {string} name
 */
function decodeCase(json, name) {
  if (typeof json === 'string') return { tag: json };
  const [tag, ...others] = Object.keys(object(json, name));
  if (tag === undefined || others.length > 0) {
    throw damaged(`${name} is not the name of a case, or an object with one`);
  }
  const val = decode(object(json, name)[tag], tag);
  return { tag: tag === 'error' ? 'err' : tag, val };
}

/**
 * @param {unknown} json
 * @param {string} name
 * @returns {Record<string, unknown>}
 */
function object(json, name) {
  if (isObject(json) && !Array.isArray(json)) return json;
  throw damaged(`${name} is not an object`);
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/** @param {string} what */
function damaged(what) {
  return new LatchError(
    'invalid-configuration',
    `the recording is damaged: ${what}`,
    'use a file exactly as `latch --record` wrote it',
  );
}

/** @param {unknown} error */
function failure(error) {
  if (!(error instanceof LatchError)) throw error;
  const { code, message, remedy, provider, retryable } = error;
  return encode({ code, message, remedy, provider, retryable });
}

// ---- Comparing ----------------------------------------------------------------------

/**
 * @param {unknown} expected
 * @param {unknown} found
 * @param {string} path
 * @returns {string | undefined}
 */
function compared(expected, found, path) {
  if (expected === found) return undefined;
  if (!isObject(expected) || !isObject(found) || Array.isArray(expected) !== Array.isArray(found)) {
    return `${path}: expected ${shown(expected)}, found ${shown(found)}`;
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const below = Array.isArray(expected) ? `${path}[${name}]` : `${path}${path && '.'}${name}`;
    const first = compared(expected[name], found[name], below);
    if (first !== undefined) return first;
  }
  return undefined;
}

/** @param {unknown} value */
function shown(value) {
  const text = printable(JSON.stringify(value) ?? 'nothing');
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

// Loads the two components, which import nothing: the login component, and the rules component,
// which decides what the login component may ask for.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { fault, LatchError } from './error.js';

/** @import { Client, Failure, Session } from '../component/interfaces/latchstring-login-flow.js' */

/** @typedef {typeof import('../component/interfaces/latchstring-login-flow.js')} Flow `wit/login.wit` */
/** @typedef {typeof import('../component/interfaces/latchstring-rules-host.js')} Rules `wit/rules.wit` */

const FOLDER = new URL('../component/', import.meta.url);

/** Bytes, far more than a login needs. */
const MEMORY_LIMIT = 64 << 20;

/** The compiled modules, by URL. @type {Map<string, Promise<WebAssembly.Module>>} */
const modules = new Map();

/** @param {string} url */
function compiled(url) {
  const module = modules.get(url) ?? readFile(new URL(url)).then(WebAssembly.compile);
  modules.set(url, module);
  return module;
}

/**
 * Returns the exports and the memories of a new instance of a component. The instance gets
 * nothing from this host.
 *
 * @param {string} name
 * @param {URL} [folder] the folder with the files that `build.mjs` made of it
 */
export async function load(name, folder = FOLDER) {
  const { instantiate } = await import(new URL(`${name}.js`, folder).href);
  /** @type {WebAssembly.Memory[]} */
  const memories = [];
  const core = (/** @type {string} */ file) => compiled(new URL(file, folder).href);
  /** @type {(module: WebAssembly.Module, imports: WebAssembly.Imports) => Promise<WebAssembly.Instance>} */
  const instantiateCore = async (module, imports) => {
    const instance = await WebAssembly.instantiate(module, imports);
    const { memory } = instance.exports;
    if (memory instanceof WebAssembly.Memory) memories.push(memory);
    return instance;
  };
  return { root: await instantiate(core, {}, instantiateCore), memories };
}

/** Returns the SHA-256 of the login component's file, in hexadecimal, and its size. */
export async function fingerprint() {
  const bytes = await readFile(new URL('login.wasm', FOLDER));
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/** An instance of the login component. Its failures and traps are thrown as `LatchError`. */
export class Component {
  #flow;
  #memories;

  /**
   * @param {Flow} flow
   * @param {WebAssembly.Memory[]} memories
   */
  constructor(flow, memories) {
    this.#flow = flow;
    this.#memories = memories;
  }

  static async load() {
    const { root, memories } = await load('login');
    return new Component(root.flow, memories);
  }

  /** @param {Client} client */
  accountKey(client) {
    return this.#call(() => this.#flow.accountKey(client));
  }

  /**
   * Opens a session.
   *
   * @param {(session: Flow['Session']) => Session} open
   * @returns {Pick<Session, 'next'>}
   */
  begin(open) {
    const session = this.#call(() => open(this.#flow.Session));
    return { next: (reply, nowMs) => this.#call(() => session.next(reply, nowMs)) };
  }

  /**
   * Checks the memory after each call: JavaScript cannot stop a call that runs.
   *
   * @template T
   * @param {() => T} call
   */
  #call(call) {
    let result;
    try {
      result = call();
    } catch (error) {
      if (!(error instanceof Error)) throw LatchError.from(/** @type {Failure} */ (error));
      if (!(error instanceof TypeError)) {
        throw fault('sandbox-fault', 'the login component stopped');
      }
      // Its message quotes the value, which may be a secret.
      throw new LatchError(
        'invalid-configuration',
        'a setting has the wrong type',
        'compare the settings with the types of this package',
      );
    }
    const bytes = this.#memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    if (bytes <= MEMORY_LIMIT) return result;
    const message = `the login component uses ${bytes} bytes; it may use ${MEMORY_LIMIT}`;
    throw fault('sandbox-fault', message);
  }
}

/**
 * Returns a new instance of the rules component. It shares nothing with the login component,
 * whose actions it judges.
 *
 * @returns {Promise<Rules>}
 */
export async function loadRules() {
  return (await load('rules')).root.host;
}

/**
 * Returns what a function of the rules answers: its result, or its error.
 *
 * @template T
 * @param {() => T} rule
 * @returns {{ tag: 'ok', val: T } | { tag: 'err', val: unknown }}
 */
export function judged(rule) {
  try {
    return { tag: 'ok', val: rule() };
  } catch (error) {
    if (!(error instanceof Error)) return { tag: 'err', val: error };
    throw fault('host-fault', 'the rules component stopped');
  }
}

/**
 * Returns what a function of the rules returns. Throws its failure as a `LatchError`.
 *
 * @template T
 * @param {() => T} rule
 */
export function decided(rule) {
  const answer = judged(rule);
  if (answer.tag === 'ok') return answer.val;
  throw LatchError.from(/** @type {Failure} */ (answer.val));
}

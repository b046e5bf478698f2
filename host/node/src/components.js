// Loads the two components, which import nothing: the login component, and the rules component,
// which decides what the login component may ask for.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { instantiate as instantiateLogin } from '../component/login.js';
import { instantiate as instantiateRules } from '../component/rules.js';
import { LatchError, sandboxFault } from './error.js';

/** @import { Action, Client, Failure, Reply, Session } from '../component/interfaces/latchstring-login-flow.js' */

/** @typedef {typeof import('../component/interfaces/latchstring-login-flow.js')} Flow `wit/login.wit` */
/** @typedef {typeof import('../component/interfaces/latchstring-rules-host.js')} Rules `wit/rules.wit` */

const FOLDER = new URL('../component/', import.meta.url);

/** Bytes, far more than a login needs. */
const MEMORY_LIMIT = 64 << 20;

/** The compiled modules, by URL. @type {Map<string, Promise<WebAssembly.Module>>} */
const modules = new Map();

/** @param {URL} file */
function compiled(file) {
  let module = modules.get(file.href);
  if (!module) {
    module = readFile(file).then((bytes) => WebAssembly.compile(bytes));
    modules.set(file.href, module);
  }
  return module;
}

/**
 * Returns the exports and the memories of a new instance of a component. The instance gets
 * nothing from this host.
 *
 * @template T
 * @param {(core: (name: string) => Promise<WebAssembly.Module>, imports: {}, instantiate: (module: WebAssembly.Module, imports: Record<string, any>) => Promise<WebAssembly.Instance>) => T | Promise<T>} instantiate
 * @param {URL} [folder] the folder with the files of the component
 * @returns {Promise<{ root: T, memories: WebAssembly.Memory[] }>}
 */
export async function load(instantiate, folder = FOLDER) {
  /** @type {WebAssembly.Memory[]} */
  const memories = [];
  const core = (/** @type {string} */ name) => compiled(new URL(name, folder));
  const root = await instantiate(core, {}, async (module, imports) => {
    const instance = await WebAssembly.instantiate(module, imports);
    const { memory } = instance.exports;
    if (memory instanceof WebAssembly.Memory) memories.push(memory);
    return instance;
  });
  return { root, memories };
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
    const { root, memories } = await load((...given) => instantiateLogin(...given));
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
   */
  begin(open) {
    return this.#call(() => open(this.#flow.Session));
  }

  /**
   * @param {Session} session
   * @param {Reply} reply
   * @param {bigint} nowMs
   * @returns {Action}
   */
  next(session, reply, nowMs) {
    return this.#call(() => session.next(reply, nowMs));
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
      throw translated(error);
    }
    const bytes = this.#memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    if (bytes > MEMORY_LIMIT) {
      throw sandboxFault(`the login component uses ${bytes} bytes; it may use ${MEMORY_LIMIT}`);
    }
    return result;
  }
}

/** @param {unknown} error what a call threw: the record `failure`, or an error of JavaScript */
function translated(error) {
  if (!(error instanceof Error)) return LatchError.from(/** @type {Failure} */ (error));
  // Its message quotes the value, which may be a secret.
  if (error instanceof TypeError) {
    return new LatchError(
      'invalid-configuration',
      'a setting does not have the type that the contract says',
      'compare the settings with the types of this package',
    );
  }
  return sandboxFault('the login component stopped');
}

/**
 * Returns a new instance of the rules component. It shares nothing with the login component,
 * whose actions it judges.
 *
 * @returns {Promise<Rules>}
 */
export async function loadRules() {
  const { root } = await load((...given) => instantiateRules(...given));
  return root.host;
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
    const remedy = 'report it with the version of this program';
    throw new LatchError('host-fault', 'the rules component stopped', remedy);
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

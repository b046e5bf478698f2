// The component, as its transpiled form is loaded and called.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { instantiate } from '../component/login.js';
import { LatchError, sandboxFault } from './error.js';

/** @import { Action, Client, Facts, Failure, Reply, Session } from '../component/interfaces/latchstring-login-flow.js' */
/** @typedef {typeof import('../component/interfaces/latchstring-login-flow.js')} Flow */

const FOLDER = new URL('../component/', import.meta.url);

/**
 * Far more than a login takes. Looked at after each step, since JavaScript cannot
 * stop one that runs.
 */
const MOST_MEMORY = 64 << 20;

/**
 * Compiled once; instances are made of them.
 *
 * @type {Map<string, Promise<WebAssembly.Module>>}
 */
const modules = new Map();

/** The component as anyone may check it: the SHA-256 of its file, in hex, and its size. */
export async function fingerprint() {
  const bytes = await readFile(new URL('login.wasm', FOLDER));
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/** @param {string} name */
function compiled(name) {
  let module = modules.get(name);
  if (!module) {
    module = readFile(new URL(name, FOLDER)).then((bytes) => WebAssembly.compile(bytes));
    modules.set(name, module);
  }
  return module;
}

/** One instance, which shares nothing with any other. */
export class Component {
  /** @type {Flow} */
  #flow;
  /** @type {WebAssembly.Memory[]} */
  #memories;

  /**
   * @param {Flow} flow
   * @param {WebAssembly.Memory[]} memories
   */
  constructor(flow, memories) {
    this.#flow = flow;
    this.#memories = memories;
  }

  /** A fresh instance. It is given nothing: the component has no imports. */
  static async load() {
    /** @type {WebAssembly.Memory[]} */
    const memories = [];
    const { flow } = await instantiate(compiled, {}, async (module, imports) => {
      const instance = await WebAssembly.instantiate(module, imports);
      const { memory } = instance.exports;
      if (memory instanceof WebAssembly.Memory) memories.push(memory);
      return instance;
    });
    return new Component(flow, memories);
  }

  /** @param {Client} client */
  accountKey(client) {
    return this.#call(() => this.#flow.accountKey(client));
  }

  /** @param {Facts} facts */
  chooseFlow(facts) {
    return this.#call(() => this.#flow.chooseFlow(facts));
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
   * @template T
   * @param {() => T} step
   */
  #call(step) {
    try {
      const result = step();
      const bytes = this.#memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
      if (bytes > MOST_MEMORY) throw sandboxFault('the login component took too much memory');
      return result;
    } catch (error) {
      throw translated(error);
    }
  }
}

/**
 * A failure is thrown as the record that it is; anything else is a trap. What
 * JavaScript says of a value that does not fit is not passed on: it quotes the value.
 *
 * @param {unknown} error
 */
function translated(error) {
  if (error instanceof LatchError) return error;
  if (!(error instanceof Error)) return LatchError.from(/** @type {Failure} */ (error));
  if (error instanceof TypeError) {
    return new LatchError(
      'invalid-configuration',
      'a setting has another type than the contract says',
      'compare the settings with the types of this package',
    );
  }
  return sandboxFault('the login component stopped');
}

// The login component, as its transpiled form is loaded and called.

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
 * Returns what a fresh instance of a component exports, and its memories. It is given
 * nothing: the components have no imports.
 *
 * @template T
 * @param {(core: (name: string) => Promise<WebAssembly.Module>, imports: {}, instantiate: (module: WebAssembly.Module, imports: Record<string, any>) => Promise<WebAssembly.Instance>) => T | Promise<T>} instantiate
 * @param {URL} [folder] with the files of the component
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

/** One instance of the login component, which shares nothing with any other. */
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

  static async load() {
    const { root, memories } = await load((...given) => instantiate(...given));
    return new Component(root.flow, memories);
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

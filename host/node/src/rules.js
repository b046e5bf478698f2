// The rules component: decisions that every host makes in the same way. `wit/rules.wit`
// says what each of its functions does.

import { instantiate } from '../component/rules.js';
import { load } from './component.js';
import { LatchError } from './error.js';

/** @import { Failure } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Code } from '../component/interfaces/latchstring-login-flow.js' */
/** @typedef {typeof import('../component/interfaces/latchstring-rules-host.js')} Rules */

/**
 * Returns a fresh instance. It shares nothing with the login component, whose actions it
 * judges.
 *
 * @returns {Promise<Rules>}
 */
export async function loadRules() {
  const { root } = await load((...given) => instantiate(...given));
  return root.host;
}

/**
 * Returns what a rule decides. Throws its failure as an error.
 *
 * @template T
 * @param {() => T} rule
 */
export function decided(rule) {
  try {
    return rule();
  } catch (error) {
    if (error instanceof Error)
      throw new LatchError('host-fault', 'the rules component stopped', 'report it');
    const { code, message, remedy } = /** @type {Failure} */ (error);
    throw new LatchError(/** @type {Code} */ (code), message, remedy);
  }
}

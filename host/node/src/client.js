// The client's settings.

import { LatchError } from './error.js';

/** @import { Client as Settings } from '../component/interfaces/latchstring-login-flow.js' */

/**
 * The OAuth client and its provider. `wit/login.wit` describes each setting.
 *
 * @typedef {Partial<Settings> & Pick<Settings, 'clientId'>} Client
 */

/**
 * Returns the settings with the defaults for those that are left out. Fails with
 * `invalid-configuration` on an unknown setting, such as a misspelt one.
 *
 * @param {Client} given
 * @returns {Settings}
 */
export function complete(given) {
  /** @type {{ [K in keyof Omit<Required<Settings>, 'clientId'>]: Settings[K] }} */
  const defaults = {
    issuer: undefined,
    discover: given.issuer !== undefined,
    endpoints: {},
    assumedEndpoints: {},
    httpsIssuer: false,
    clientSecret: undefined,
    authentication: undefined,
    scopes: [],
    resources: [],
    parameters: [],
    pkce: 'discovered',
    tokenTypeOptional: false,
    requestFormat: 'form',
    protocol: { tag: 'oauth' },
  };
  const known = ['clientId', ...Object.keys(defaults)];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return { ...defaults, ...given };
  throw new LatchError(
    'invalid-configuration',
    `a client has no setting ${unknown}`,
    `use one of ${known.join(', ')}`,
  );
}

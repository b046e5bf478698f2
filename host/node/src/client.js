// The client's settings, and what a caller demands of a token.

import { LatchError } from './error.js';

/** @import { Client as Settings, Demand as Demanded, Examination } from '../component/interfaces/latchstring-login-flow.js' */

/**
 * The OAuth client and its provider. `wit/login.wit` describes each setting. With `resourceUrl`,
 * the URL of a protected resource such as an MCP server, a login finds out the rest: who issues
 * tokens for it (RFC 9728), and which client to be, which it registers if needed (RFC 7591).
 *
 * @typedef {Partial<Settings> & ({ clientId: string } | { resourceUrl: string })} Client
 */

/**
 * Requirements for a token.
 *
 * @typedef {object} Demand
 * @property {number} [minTtlMs] time for which the token should remain valid from now
 * @property {boolean} [forceRefresh] whether to refresh the token even if it is still valid
 * @property {Examination} [examination] check to make before the token is returned
 * @property {string} [challenge] the `WWW-Authenticate` value with which the resource at the
 *   client's `resourceUrl` refused the stored token: it is refreshed if that can help
 */

/**
 * Returns the settings with the defaults for those that are left out. Fails with
 * `invalid-configuration` on an unknown setting, such as a misspelt one.
 *
 * @param {Client} given
 * @returns {Settings}
 */
export function completeClient(given) {
  /** @type {{ [K in keyof Required<Settings>]: Settings[K] }} */
  const defaults = {
    issuer: undefined,
    resourceUrl: undefined,
    discover: given.issuer !== undefined,
    endpoints: {},
    assumedEndpoints: {},
    httpsIssuer: false,
    clientId: undefined,
    clientMetadataUrl: undefined,
    clientSecret: undefined,
    authentication: undefined,
    key: undefined,
    dpop: undefined,
    certificate: false,
    security: 'usual',
    grant: { tag: 'user' },
    scopes: [],
    resources: [],
    audience: undefined,
    authorizationDetails: undefined,
    signsRequest: false,
    decrypts: false,
    demandsSignedResponse: false,
    parameters: [],
    pkce: 'discovered',
    tokenTypeOptional: false,
    requestFormat: 'form',
    protocol: { tag: 'oauth' },
  };
  const known = Object.keys(defaults);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return { ...defaults, ...given };
  throw new LatchError(
    'invalid-configuration',
    `the client has an unknown setting, ${unknown}`,
    `use one of ${known.join(', ')}`,
  );
}

/**
 * Returns the demand with the defaults for what is left out.
 *
 * @param {Demand} demand
 * @returns {Demanded}
 */
export function completeDemand({ minTtlMs = 0, forceRefresh = false, examination, challenge }) {
  return { minTtlMs: BigInt(Math.ceil(minTtlMs)), forceRefresh, examination, challenge };
}

/**
 * Returns a number of milliseconds as the contract has it.
 *
 * @param {number | undefined} ms
 */
export function milliseconds(ms) {
  return ms === undefined ? undefined : BigInt(Math.ceil(ms));
}

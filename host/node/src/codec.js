// Between the contract's values as JavaScript has them and as a transcript writes
// them (`testing/conformance/README.md`).
//
// Writing goes by the values: they tell what they are. Reading has to be told, which
// `contract.js` does.

import { LatchError } from './error.js';

/** @typedef {unknown} Json a value as `JSON.parse` gives it */

/**
 * Reads one type; `path` says where the value stands, for the error.
 *
 * @template T
 * @typedef {(json: unknown, path: string) => T} Read
 */

/**
 * A result as the component's bindings have it.
 *
 * @template T
 * @template E
 * @typedef {{ tag: 'ok', val: T } | { tag: 'err', val: E }} Result
 */

/**
 * The two members that every case of a variant may have.
 *
 * @typedef {{ tag: string, val?: unknown }} Case
 */

/** @param {string} what */
export function damaged(what) {
  return new LatchError(
    'invalid-configuration',
    `the transcript is damaged: ${what}`,
    'take the file as it was recorded',
  );
}

/**
 * What is not as the contract has it, and where.
 *
 * @param {string} path
 * @param {string} expected
 */
export function misfit(path, expected) {
  return damaged(`${path} is not ${expected}`);
}

// ---- Writing -------------------------------------------------------------------

/**
 * A value of the contract as JSON.
 *
 * @param {unknown} value
 * @returns {Json}
 */
export function encode(value) {
  if (value === undefined) return null;
  if (typeof value === 'bigint') return number(value);
  if (value instanceof Uint8Array) return text(value);
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== 'object') return value;
  const { tag, val } = /** @type {Case} */ (value);
  if (tag === 'err') return { error: encode(val) };
  if (typeof tag === 'string')
    return 'val' in /** @type {Case} */ (value) ? { [tag]: encode(val) } : tag;
  return Object.fromEntries(
    Object.entries(/** @type {object} */ (value)).map(([name, member]) => [
      kebab(name),
      encode(member),
    ]),
  );
}

/** @param {bigint} value */
function number(value) {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw misfit('a number', 'below 2^53');
}

/**
 * As text where the bytes are one.
 *
 * @param {Uint8Array} bytes
 */
function text(bytes) {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** @param {string} name */
function kebab(name) {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// ---- Reading -------------------------------------------------------------------

/** @type {Read<string>} */
export const string = (json, path) => {
  // Half a character would be replaced unseen.
  if (typeof json === 'string' && !/\p{Surrogate}/u.test(json)) return json;
  throw misfit(path, 'a text');
};

/** @type {Read<boolean>} */
export const bool = (json, path) => {
  if (typeof json === 'boolean') return json;
  throw misfit(path, 'true or false');
};

/** @type {Read<bigint>} */
export const u64 = (json, path) => {
  if (Number.isSafeInteger(json) && Number(json) >= 0) return BigInt(Number(json));
  throw misfit(path, 'a whole number below 2^53');
};

/** @type {Read<number>} */
export const u16 = (json, path) => {
  if (Number.isInteger(json) && Number(json) >= 0 && Number(json) < 1 << 16) return Number(json);
  throw misfit(path, 'a whole number below 65536');
};

/** @type {Read<Uint8Array>} */
export const bytes = (json, path) => {
  const { text: written, base64 } = object(json, path);
  if (typeof written === 'string' && base64 === undefined) {
    return new TextEncoder().encode(string(written, path));
  }
  const read =
    typeof base64 === 'string' && written === undefined ? Buffer.from(base64, 'base64') : undefined;
  if (read?.toString('base64') === base64 && read) return new Uint8Array(read);
  throw misfit(path, 'bytes, as { "text": … } or { "base64": … }');
};

/**
 * @template T
 * @param {Read<T>} inner
 * @returns {Read<T | undefined>}
 */
export const option = (inner) => (json, path) => (json === null ? undefined : inner(json, path));

/**
 * @template T
 * @param {Read<T>} inner
 * @returns {Read<T[]>}
 */
export const list = (inner) => (json, path) => {
  if (Array.isArray(json)) return json.map((element, at) => inner(element, `${path}[${at}]`));
  throw misfit(path, 'a list');
};

/**
 * @template {string} T
 * @param {Record<T, true>} names
 * @returns {Read<T>}
 */
export const named = (names) => (json, path) => {
  if (typeof json === 'string' && Object.hasOwn(names, json)) return /** @type {T} */ (json);
  throw misfit(path, `one of ${Object.keys(names).join(', ')}`);
};

/**
 * @template {object} T
 * @param {{ [K in keyof T]-?: Read<T[K]> }} members
 * @returns {Read<T>}
 */
export const record = (members) => (json, path) => {
  const given = object(json, path);
  const names = Object.keys(members).map(kebab);
  const stray = Object.keys(given).find((name) => !names.includes(name));
  if (stray !== undefined) throw misfit(`${path}.${stray}`, 'a member that the contract knows');
  return /** @type {T} */ (
    Object.fromEntries(
      /** @type {[string, Read<unknown>][]} */ (Object.entries(members)).map(([name, read]) => {
        const key = kebab(name);
        if (!Object.hasOwn(given, key)) throw misfit(`${path}.${key}`, 'there');
        return [name, read(given[key], `${path}.${key}`)];
      }),
    )
  );
};

/** A case without a payload. */
export const bare = undefined;

/**
 * @template {Case} T
 * @param {{ [C in T as C['tag']]: 'val' extends keyof C ? Read<C['val']> : undefined }} cases
 * @returns {Read<T>}
 */
export const variant = (cases) => (json, path) => {
  const [tag, ...others] = typeof json === 'string' ? [json] : Object.keys(object(json, path));
  const known = tag !== undefined && others.length === 0 && Object.hasOwn(cases, tag);
  const read = known
    ? /** @type {Record<string, Read<unknown> | undefined>} */ (cases)[tag]
    : undefined;
  // One with a payload is an object, one without is not.
  if (!known || (read === undefined) !== (typeof json === 'string')) {
    throw misfit(path, `one of ${Object.keys(cases).join(', ')}, with the payload that it has`);
  }
  if (!read) return /** @type {T} */ ({ tag });
  return /** @type {T} */ ({ tag, val: read(object(json, path)[tag], `${path}.${tag}`) });
};

/**
 * A result, whose cases a transcript calls `ok` and `error`.
 *
 * @template T
 * @template E
 * @param {Read<T>} ok
 * @param {Read<E>} error
 * @returns {Read<Result<T, E>>}
 */
export const result = (ok, error) => (json, path) => {
  const given = object(json, path);
  const [name, ...others] = Object.keys(given);
  if (others.length === 0 && name === 'ok') return { tag: 'ok', val: ok(given.ok, `${path}.ok`) };
  if (others.length === 0 && name === 'error')
    return { tag: 'err', val: error(given.error, `${path}.error`) };
  throw misfit(path, 'one of ok, error');
};

/**
 * @param {unknown} json
 * @param {string} path
 * @returns {Record<string, unknown>}
 */
export function object(json, path) {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return /** @type {Record<string, unknown>} */ (json);
  }
  throw misfit(path, 'an object');
}

// What the files of a session are called: the same as in the native host
// (`wit/hosts.md`).

import * as fs from 'node:fs';
import { join } from 'node:path';

import { reason } from './error.js';
import { attempt, cannot } from './guard.js';

/** Names that Windows keeps for devices, whatever follows the first dot. */
const DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/**
 * What the names of a session's files begin with.
 *
 * @param {string} profile
 * @param {string} account
 */
export function fileStem(profile, account) {
  return `${profileInNames(profile)}.${account}`;
}

/**
 * The profile in the name of a file: the same for no two profiles, also where a file
 * system does not tell capitals from small letters, and no name of a device. `Work` is
 * `+work`, `con` is `con+`.
 *
 * @param {string} profile
 */
function profileInNames(profile) {
  const name = profile.replace(/[A-Z]/g, (capital) => `+${capital.toLowerCase()}`);
  return DEVICES.test(name) ? `${name}+` : name;
}

/**
 * Renames files written by earlier versions, such as `Work.ACCOUNT.session`, to their
 * current names. Another process may do the same at the same time.
 *
 * @param {string} folder
 */
export function renameOldFiles(folder) {
  for (const name of attempt('list', folder, () => fs.readdirSync(folder))) {
    const [, profile, rest] = /^([A-Za-z0-9_-]{1,64})(\.[a-z0-9]{1,128}\.[^.]+)$/.exec(name) ?? [];
    if (profile === undefined || profileInNames(profile) === profile) continue;
    const [old, path] = [join(folder, name), join(folder, profileInNames(profile) + rest)];
    try {
      if (!fs.lstatSync(path, { throwIfNoEntry: false })) fs.renameSync(old, path);
    } catch (error) {
      if (reason(error) !== 'ENOENT') throw cannot('rename', old, error);
    }
  }
}

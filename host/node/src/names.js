// What the files of a session are called: the same as in the native host
// (`wit/hosts.md`).

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

// What machine this is, as far as the choice of a flow depends on it.

import { existsSync } from 'node:fs';

/** Variables that only an automatic job has, beside `CI`. */
const JOBS = ['GITHUB_ACTIONS', 'TF_BUILD', 'JENKINS_URL', 'TEAMCITY_VERSION'];

/** Variables that a shell has which somebody reached over the network. */
const REMOTE_SHELLS = ['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'];

/** Variables of an editor whose window is on another machine. */
const REMOTE_EDITORS = ['VSCODE_IPC_HOOK_CLI', 'CODESPACES', 'REMOTE_CONTAINERS'];

/** Files, and variables, that containers have. */
const CONTAINER_FILES = ['/.dockerenv', '/run/.containerenv'];
const CONTAINERS = ['container', 'KUBERNETES_SERVICE_HOST'];

/** Where Linux beside Windows registers Windows' programs. */
const INTEROP_FILES = [
  '/proc/sys/fs/binfmt_misc/WSLInterop',
  '/proc/sys/fs/binfmt_misc/WSLInterop-late',
];

/**
 * What there is; what a caller has set counts besides.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {(path: string) => boolean} exists
 * @param {string} platform
 */
export function surroundings(
  environment = process.env,
  exists = existsSync,
  platform = process.platform,
) {
  const any = (/** @type {string[]} */ names) => names.some((name) => environment[name]);
  return {
    unattended: Boolean(environment.CI && !['0', 'false'].includes(environment.CI)) || any(JOBS),
    display: platform === 'darwin' || platform === 'win32' || any(['DISPLAY', 'WAYLAND_DISPLAY']),
    remoteShell: any(REMOTE_SHELLS),
    windowsInterop: any(['WSL_INTEROP']) && INTEROP_FILES.some(exists),
    container: any(CONTAINERS) || CONTAINER_FILES.some(exists),
    // The editor's own helper stands in BROWSER and opens windows where the editor is.
    editorTerminal: any(REMOTE_EDITORS) && any(['BROWSER']),
  };
}

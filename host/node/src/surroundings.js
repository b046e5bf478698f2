// Facts about the machine, from which the login component chooses a flow.

import { existsSync } from 'node:fs';

/** Variables that automated jobs have, besides `CI`. */
const JOBS = ['GITHUB_ACTIONS', 'TF_BUILD', 'JENKINS_URL', 'TEAMCITY_VERSION'];

/** Variables of a remote shell. */
const REMOTE_SHELLS = ['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'];

/** Variables of an editor that runs its terminal on another machine. */
const REMOTE_EDITORS = ['VSCODE_IPC_HOOK_CLI', 'CODESPACES', 'REMOTE_CONTAINERS'];

/** Files and variables of containers. */
const CONTAINER_FILES = ['/.dockerenv', '/run/.containerenv'];
const CONTAINERS = ['container', 'KUBERNETES_SERVICE_HOST'];

/** Files by which a Linux system under Windows can start Windows programs. */
const INTEROP_FILES = [
  '/proc/sys/fs/binfmt_misc/WSLInterop',
  '/proc/sys/fs/binfmt_misc/WSLInterop-late',
];

/**
 * Returns the facts that do not depend on the caller's options. `wit/login.wit` describes each.
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
    // The editor sets BROWSER to its own helper, which opens windows on the editor's machine.
    editorTerminal: any(REMOTE_EDITORS) && any(['BROWSER']),
  };
}

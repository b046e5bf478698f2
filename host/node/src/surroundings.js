// Facts about the machine, from which the login component chooses a flow.

import { existsSync } from 'node:fs';

const INTEROP = '/proc/sys/fs/binfmt_misc/WSLInterop';

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
  const any = (/** @type {string[]} */ ...names) => names.some((name) => environment[name]);
  return {
    unattended:
      (any('CI') && !['0', 'false'].includes(environment.CI ?? '')) ||
      any('GITHUB_ACTIONS', 'TF_BUILD', 'JENKINS_URL', 'TEAMCITY_VERSION'),
    display: ['darwin', 'win32'].includes(platform) || any('DISPLAY', 'WAYLAND_DISPLAY'),
    remoteShell: any('SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'),
    windowsInterop: any('WSL_INTEROP') && [INTEROP, `${INTEROP}-late`].some(exists),
    container:
      any('container', 'KUBERNETES_SERVICE_HOST') ||
      ['/.dockerenv', '/run/.containerenv'].some(exists),
    // Editors that run their terminal on another machine set BROWSER to their own helper, which
    // opens windows on the user's machine.
    editorTerminal: any('VSCODE_IPC_HOOK_CLI', 'CODESPACES', 'REMOTE_CONTAINERS') && any('BROWSER'),
  };
}

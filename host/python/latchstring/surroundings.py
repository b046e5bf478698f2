"""Facts about this machine that the choice of a login flow depends on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from .contract import Facts

# Variables, besides `CI`, that only automated jobs have.
_JOBS = ["GITHUB_ACTIONS", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION"]

# Variables of a shell that was reached over the network.
_REMOTE_SHELLS = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]

# Variables of an editor whose window is on another machine.
_REMOTE_EDITORS = ["VSCODE_IPC_HOOK_CLI", "CODESPACES", "REMOTE_CONTAINERS"]

# Files and variables that containers have.
_CONTAINER_FILES = ["/.dockerenv", "/run/.containerenv"]
_CONTAINERS = ["container", "KUBERNETES_SERVICE_HOST"]

# Files by which WSL registers Windows programs.
_INTEROP_FILES = [
    "/proc/sys/fs/binfmt_misc/WSLInterop",
    "/proc/sys/fs/binfmt_misc/WSLInterop-late",
]


def facts(
    *,
    terminal: bool,
    browser_command: bool,
    shows_address: bool,
    variables: Mapping[str, str] = os.environ,
    exists: Callable[[str], bool] = os.path.exists,
) -> Facts:
    def has(names: list[str]) -> bool:
        return any(variables.get(name) for name in names)

    return Facts(
        terminal=terminal,
        unattended=variables.get("CI", "") not in {"", "0", "false"} or has(_JOBS),
        browser_command=browser_command,
        shows_address=shows_address,
        display=sys.platform == "darwin" or has(["DISPLAY", "WAYLAND_DISPLAY"]),
        remote_shell=has(_REMOTE_SHELLS),
        windows_interop=has(["WSL_INTEROP"]) and any(map(exists, _INTEROP_FILES)),
        container=has(_CONTAINERS) or any(map(exists, _CONTAINER_FILES)),
        # `BROWSER` then names the editor's helper, which opens windows where the editor is.
        editor_terminal=has(_REMOTE_EDITORS) and has(["BROWSER"]),
    )

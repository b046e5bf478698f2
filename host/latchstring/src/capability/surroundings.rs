//! Facts about this machine that the choice of a login flow depends on.
//!
//! ```
//! use latchstring::capability::surroundings::{Surroundings, SystemSurroundings};
//! use latchstring::contract::Facts;
//!
//! /// A program that users only reach over the network.
//! struct Server;
//!
//! impl Surroundings for Server {
//!     fn facts(&self) -> Facts {
//!         Facts { remote_shell: true, ..SystemSurroundings.facts() }
//!     }
//! }
//! ```

use std::env;
use std::path::Path;

use latchstring_core::contract::Facts;

/// Finds out facts about the machine.
pub trait Surroundings: Send + Sync {
    /// Returns the facts. `terminal`, `browser_command` and `shows_address` depend on the
    /// caller's settings and are filled in later.
    fn facts(&self) -> Facts;
}

/// Reads this process's environment and the file system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemSurroundings;

impl Surroundings for SystemSurroundings {
    fn facts(&self) -> Facts {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        read(&set, &|path| Path::new(path).exists())
    }
}

/// Variables, besides `CI`, that only automated jobs have.
const JOBS: [&str; 4] = ["GITHUB_ACTIONS", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION"];

/// Variables of a shell that was reached over the network.
const REMOTE_SHELLS: [&str; 3] = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"];

/// Variables of an editor whose window is on another machine.
const REMOTE_EDITORS: [&str; 3] = ["VSCODE_IPC_HOOK_CLI", "CODESPACES", "REMOTE_CONTAINERS"];

/// Files that containers have.
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
const CONTAINERS: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];

/// Files by which WSL registers Windows programs.
const INTEROP_FILES: [&str; 2] =
    ["/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"];

/// Returns the facts. `set` returns a variable if it is set and not empty.
pub(crate) fn read(set: &dyn Fn(&str) -> Option<String>, exists: &dyn Fn(&str) -> bool) -> Facts {
    let any = |names: &[&str]| names.iter().any(|name| set(name).is_some());
    let is_on = |name: &str| set(name).is_some_and(|value| value != "0" && value != "false");
    Facts {
        terminal: false,
        unattended: is_on("CI") || any(&JOBS),
        browser_command: false,
        shows_address: false,
        // A sandbox sees no screen, so one is assumed.
        display: cfg!(any(target_os = "macos", target_os = "wasi", windows))
            || any(&["DISPLAY", "WAYLAND_DISPLAY"]),
        remote_shell: any(&REMOTE_SHELLS),
        windows_interop: any(&["WSL_INTEROP"]) && INTEROP_FILES.iter().any(|path| exists(path)),
        container: any(&CONTAINERS) || CONTAINER_FILES.iter().any(|path| exists(path)),
        // `BROWSER` then names the editor's helper, which opens windows where the editor
        // is.
        editor_terminal: any(&REMOTE_EDITORS) && any(&["BROWSER"]),
        offers_device: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)], files: &[&str]) -> Facts {
        let set = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).filter(|value| !value.is_empty())
        };
        read(&set, &|path| files.contains(&path))
    }

    type Row =
        (&'static [(&'static str, &'static str)], &'static [&'static str], fn(&Facts) -> bool);

    #[test]
    fn each_trace_reveals_its_environment() {
        let rows: [Row; 15] = [
            (&[("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")], &[], |f| f.remote_shell),
            (&[("SSH_CLIENT", "10.0.0.1 1 22")], &[], |f| f.remote_shell),
            (&[("SSH_TTY", "/dev/pts/0")], &[], |f| f.remote_shell),
            (&[("DISPLAY", ":0")], &[], |f| f.display),
            (&[("WAYLAND_DISPLAY", "wayland-0")], &[], |f| f.display),
            (&[("CI", "true")], &[], |f| f.unattended),
            (&[("CI", "1")], &[], |f| f.unattended),
            (&[("TF_BUILD", "True")], &[], |f| f.unattended),
            (&[], &["/.dockerenv"], |f| f.container),
            (&[], &["/run/.containerenv"], |f| f.container),
            (&[("container", "podman")], &[], |f| f.container),
            (&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], &[], |f| f.container),
            (
                &[("WSL_INTEROP", "/run/WSL/8_interop")],
                &["/proc/sys/fs/binfmt_misc/WSLInterop"],
                |f| f.windows_interop,
            ),
            (
                &[("VSCODE_IPC_HOOK_CLI", "/tmp/x.sock"), ("BROWSER", "/vscode/helper.sh")],
                &[],
                |f| f.editor_terminal,
            ),
            (&[("CODESPACES", "true"), ("BROWSER", "/helper.sh")], &[], |f| f.editor_terminal),
        ];
        for (variables, files, holds) in rows {
            assert!(holds(&with(variables, files)), "{variables:?} {files:?}");
        }
    }

    #[test]
    fn empty_or_disabled_variables_do_not_count() {
        let facts = with(
            &[("DISPLAY", ""), ("CI", "false"), ("SSH_TTY", ""), ("WSL_INTEROP", "/run/x")],
            &[],
        );
        assert!(!facts.unattended && !facts.remote_shell && !facts.windows_interop);
        assert!(cfg!(any(target_os = "macos", windows)) || !facts.display);
        // Without its helper, an editor opens nothing.
        assert!(!with(&[("VSCODE_IPC_HOOK_CLI", "/tmp/x.sock")], &[]).editor_terminal);
    }
}

//! A store of files in the folders of a sandbox.

mod file;
mod locks;
mod names;

pub use file::{FileStore, default_state_folder};
pub use locks::{FileLock, lock_file};

use super::{Held, Key, Lock, Store};
use crate::error::{Code, Error};
use crate::wasi::files::{ErrorCode, Trouble};

/// Returns the error of an operation. `what` is its verb, such as `read`.
fn cannot(what: &str, path: &str, trouble: &Trouble) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!("cannot {what} {path}: {}", trouble.reason()),
        remedy(path, trouble),
    )
}

fn not_saved(path: &str, trouble: &Trouble) -> Error {
    Error::new(
        Code::NotSaved,
        format!("cannot write to {path}: {}", trouble.reason()),
        remedy(path, trouble),
    )
}

fn remedy(path: &str, trouble: &Trouble) -> String {
    match trouble {
        Trouble::NotGiven => {
            let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
            format!(
                "run wasmtime with --dir FOLDER::{folder}, where only you can enter FOLDER, or name another folder with --state-dir"
            )
        }
        Trouble::System(ErrorCode::Loop) | Trouble::NotRegular => {
            "only regular files are read; remove it and log in again".to_owned()
        }
        Trouble::System(ErrorCode::InsufficientSpace | ErrorCode::Quota) => {
            "free some space and try again".to_owned()
        }
        _ => "check the folder and its permissions, or choose another with --state-dir".to_owned(),
    }
}

//! Starts a browser on a local address that other users must not learn.

use std::any::Any;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use latchstring_core::capability::browser::{self as core, Launcher};
use latchstring_core::interaction::Opened;
use tempfile::TempDir;
use url::Url;

use super::Browser;
use crate::error::{Code, Error};

/// A browser that was started on a local address. Keep it while the address is needed:
/// dropping it deletes the file that the browser was started on, if any.
pub(crate) struct Launched {
    file: Option<TempDir>,
    is_exposed: bool,
}

impl Launched {
    /// Returns what the browser was started on.
    pub(crate) fn opened(&self) -> Opened {
        match self.file {
            Some(_) => Opened::File,
            None => Opened::Address,
        }
    }

    /// Returns whether other users may have read the address.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_exposed
    }
}

/// Starts a browser, as the loop asks for it.
pub(crate) struct Launching<'a>(pub(crate) &'a dyn Browser);

#[async_trait]
impl Launcher for Launching<'_> {
    fn launch(&self, address: &str, tells_peers: bool) -> Result<core::Launched, Error> {
        let launched = launch(self.0, address, tells_peers)?;
        let opened = launched.opened();
        let kept = launched.file.map(|file| -> Box<dyn Any + Send> { Box::new(file) });
        Ok(core::Launched { opened, kept })
    }

    fn open(&self, url: &str) -> Result<Opened, Error> {
        self.0.open(url).map(|()| Opened::Address)
    }

    async fn failure(&self) -> Error {
        self.0.failure().await
    }
}

/// Starts `browser` on `address`, which works once.
///
/// Every user of the machine can read a browser's command line, except on Windows. So the
/// address is put there only if the listener can tell users apart; otherwise the browser is
/// started on a file that only this user can read.
pub(crate) fn launch(
    browser: &dyn Browser,
    address: &str,
    tells_peers: bool,
) -> Result<Launched, Error> {
    let is_exposed = browser.shows_address() && !cfg!(windows);
    if is_exposed && !tells_peers {
        let folder = private_folder().map_err(unwritable)?;
        let file = write(folder.path(), address).map_err(unwritable)?;
        browser.open_file(&file)?;
        return Ok(Launched { file: Some(folder), is_exposed: false });
    }
    browser.open(address)?;
    Ok(Launched { file: None, is_exposed })
}

/// Creates a folder of mode 0700 in the temporary folder. Confined browsers are even less
/// likely to be able to read hidden folders in the home folder.
fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("latchstring-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Writes a page that redirects to `address` at once.
fn write(folder: &Path, address: &str) -> std::io::Result<PathBuf> {
    let path = folder.join("login.html");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // OK because the address has no characters that HTML escapes: a local origin, a path
    // and base64url.
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0; url={address}\"><title>Continue</title>\
         <a href=\"{address}\">Continue</a>\n"
    );
    options.open(&path)?.write_all(page.as_bytes())?;
    Ok(path)
}

/// Returns the file as a URL for a browser's command line.
pub(super) fn file_url(file: &Path) -> Result<Url, Error> {
    Url::from_file_path(file)
        .map_err(|()| unwritable(std::io::Error::other("the folder has no absolute path")))
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("cannot create a private file for the browser: {error}"),
        "open the address by hand, or set TMPDIR to a folder that you can write to",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;

    use super::*;

    const ADDRESS: &str = "http://127.0.0.1:8000/latchstring/start?ticket=a-b_c";

    /// Records what it was started on.
    #[derive(Default)]
    struct Recorder {
        shows_address: bool,
        opened: Mutex<Vec<String>>,
        file: Mutex<Option<PathBuf>>,
    }

    impl Browser for Recorder {
        fn open(&self, url: &str) -> Result<(), Error> {
            self.opened.lock().expect("a list").push(url.to_owned());
            Ok(())
        }

        fn shows_address(&self) -> bool {
            self.shows_address
        }

        fn open_file(&self, file: &Path) -> Result<(), Error> {
            *self.file.lock().expect("a file") = Some(file.to_owned());
            Ok(())
        }
    }

    #[test]
    fn if_users_cannot_be_told_apart_the_address_is_only_in_a_private_file() {
        let browser = Recorder { shows_address: true, ..Recorder::default() };
        let launched = launch(&browser, ADDRESS, false).expect("a browser");
        assert!(browser.opened.lock().expect("a list").is_empty());
        assert!(!launched.is_exposed());
        assert_eq!(launched.opened(), Opened::File);
        let file = browser.file.lock().expect("a file").clone().expect("a file");
        let mode = |path: &Path| path.metadata().expect("a path").permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a folder")), 0o700);
        let page = std::fs::read_to_string(&file).expect("a page");
        assert!(page.contains(&format!("content=\"0; url={ADDRESS}\"")), "{page}");
        assert_eq!(file_url(&file).expect("an address").scheme(), "file");
        drop(launched);
        assert!(!file.exists() && !file.parent().expect("a folder").exists());
    }

    #[test]
    fn otherwise_the_browser_gets_the_address_itself() {
        for (shows_address, tells_peers) in [(true, true), (false, false), (false, true)] {
            let browser = Recorder { shows_address, ..Recorder::default() };
            let launched = launch(&browser, ADDRESS, tells_peers).expect("a browser");
            assert_eq!(*browser.opened.lock().expect("a list"), [ADDRESS]);
            assert!(browser.file.lock().expect("a file").is_none());
            assert_eq!(launched.opened(), Opened::Address);
            assert_eq!(launched.is_exposed(), shows_address);
        }
    }
}

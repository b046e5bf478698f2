//! Tests of owners, modes, links and processes.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::process::{Command, Stdio};

use super::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").mode() & 0o7777
}

async fn refused(store: &FileStore) -> Error {
    let error = store.read(&key()).await.expect_err("refused");
    assert_eq!(error.code(), Code::StoreUnusable);
    error
}

/// Returns a command that runs one ignored test of this module in another process.
fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let name = format!("{}::{test}", module_path!().split_once("::").expect("crate").1);
    command.args(["--exact", &name, "--ignored", "--nocapture"]).env("STORE_FOLDER", folder);
    command
}

fn childs_store() -> FileStore {
    FileStore::new(std::env::var_os("STORE_FOLDER").expect("started by another test").into())
}

#[test]
fn modes_are_private_whatever_the_umask() {
    let (_scratch, store) = scratch();
    let status = child("writes_under_hostile_umasks", &store.folder).stdout(Stdio::null()).status();
    assert!(status.expect("child").success());
    for umask in ["000", "777"] {
        let folder = store.folder.join(umask);
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("work.abc123.session")), 0o600);
        assert_eq!(mode(&folder.join("work.abc123.lock")), 0o600);
    }
    assert_eq!(mode(&store.folder), 0o700);
}

#[tokio::test]
#[ignore = "changes the umask of its process; another test starts it"]
async fn writes_under_hostile_umasks() {
    use rustix::fs::Mode;
    use rustix::process::umask;

    let folder = childs_store().folder;
    for (name, mask) in [("777", Mode::RWXU | Mode::RWXG | Mode::RWXO), ("000", Mode::empty())] {
        umask(mask);
        let store = FileStore::new(folder.join(name));
        let _lock = store.lock(&key()).await.expect("lock");
        store.write(&held(&key()), b"secret").await.expect("write");
        assert_eq!(store.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
    }
}

#[tokio::test]
async fn a_lock_is_released_when_its_process_is_killed() {
    let (_scratch, store) = scratch();
    let mut holder =
        child("holds_the_lock", &store.folder).stdout(Stdio::piped()).spawn().expect("child");
    let output = BufReader::new(holder.stdout.take().expect("output"));
    let held = output.lines().map_while(Result::ok).any(|line| line.ends_with("held"));
    assert!(held);
    let key = key();
    let mut waiting = store.lock(&key);
    assert!(is_pending(&mut waiting).await);
    holder.kill().expect("kill");
    holder.wait().expect("wait");
    waiting.await.expect("released by the kernel");
}

#[tokio::test]
#[ignore = "never ends; another test starts and kills it"]
async fn holds_the_lock() {
    let _lock = childs_store().lock(&key()).await.expect("lock");
    writeln!(io::stdout(), "held").expect("output");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_folder_open_to_others_is_refused_with_the_command_that_closes_it() {
    let (_scratch, store, _) = filled().await;
    for mode in [0o750, 0o701, 0o755] {
        set_mode(&store.folder, mode);
        let error = refused(&store).await;
        assert_eq!(error.remedy(), format!("run: chmod 700 {}", store.folder.display()));
    }
    assert_eq!(
        store.write(&held(&key()), b"").await.expect_err("write").code(),
        Code::StoreUnusable
    );
    assert_eq!(store.probe(&key()).await.expect_err("probe").code(), Code::StoreUnusable);
    assert!(store.lock(&key()).await.is_err());
    assert!(store.list().await.is_err());
    assert!(store.delete(&held(&key())).await.is_err());
}

#[tokio::test]
async fn a_folder_of_another_user_is_refused() {
    let (_scratch, mut store, _) = filled().await;
    if rustix::process::geteuid().is_root() {
        chown(&store.folder, Some(12345), None).expect("chown");
    } else {
        store.folder = PathBuf::from("/");
    }
    assert!(refused(&store).await.message().contains("belongs to user"));
}

#[tokio::test]
async fn a_session_of_another_user_is_refused() {
    let (_scratch, store, path) = filled().await;
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(12345), None).expect("chown");
        assert!(refused(&store).await.message().contains("belongs to user 12345"));
    }
}

#[tokio::test]
async fn a_session_that_others_can_read_is_refused() {
    let (_scratch, store, path) = filled().await;
    for mode in [0o640, 0o604, 0o622] {
        set_mode(&path, mode);
        let error = refused(&store).await;
        assert!(error.message().contains(&format!("mode {mode:03o}")), "{error}");
        assert_eq!(error.remedy(), format!("run: chmod 600 {}", path.display()));
    }
}

#[tokio::test]
async fn a_symbolic_link_is_not_followed_and_the_next_write_replaces_it() {
    let (scratch, store, path) = filled().await;
    let target = scratch.path().join("target");
    fs::rename(&path, &target).expect("moved");
    symlink(&target, &path).expect("link");
    assert!(refused(&store).await.message().contains("symbolic link"));
    store.write(&held(&key()), b"new").await.expect("write");
    assert_eq!(fs::read(&target).expect("target"), b"secret");
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"new".to_vec()));

    let lock = store.folder.join("work.abc123.lock");
    symlink(&target, lock).expect("link");
    assert!(store.lock(&key()).await.is_err());
}

#[tokio::test]
async fn a_file_that_is_not_regular_is_refused_without_waiting_for_it() {
    let (_scratch, store, path) = filled().await;
    fs::remove_file(&path).expect("removed");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    assert!(refused(&store).await.message().contains("not a regular file"));
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("folder");
    assert!(refused(&store).await.message().contains("not a regular file"));
    assert_eq!(store.write(&held(&key()), b"").await.expect_err("write").code(), Code::NotSaved);
}

#[tokio::test]
async fn a_folder_that_is_a_link_to_nowhere_is_refused() {
    let (scratch, store) = scratch();
    symlink("nowhere", scratch.path().join("state")).expect("link");
    assert_eq!(store.probe(&key()).await.expect_err("above").code(), Code::StoreUnusable);
    let store = FileStore::new(scratch.path().join("state"));
    assert!(
        store.probe(&key()).await.expect_err("itself").message().contains("broken symbolic link")
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_fails_the_probe_and_keeps_the_session() {
    let (_scratch, store, _) = filled().await;
    if rustix::process::geteuid().is_root() {
        return;
    }
    set_mode(&store.folder, 0o500);
    let error = store.probe(&key()).await.expect_err("probe");
    assert_eq!(error.code(), Code::NotSaved);
    assert!(error.message().contains("Permission denied"), "{error}");
    assert_eq!(store.write(&held(&key()), b"").await.expect_err("write").code(), Code::NotSaved);
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
    set_mode(&store.folder, 0o700);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let full = File::create("/dev/full").expect("device");
    let error = (&full).write_all(b"x").expect_err("full");
    let error = not_saved(Path::new("/sessions"), &error);
    assert_eq!(error.message(), "cannot write to /sessions: No space left on device (os error 28)");
    assert_eq!(error.remedy(), "free some space and try again");
}

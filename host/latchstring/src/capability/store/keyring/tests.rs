//! Tests of the keyring store with a keyring in memory that can fail.

mod memory_vault;
mod splitting;

use tempfile::TempDir;

use super::*;
use crate::capability::store::{FileStore, held};
use crate::error::Code;
use memory_vault::{Fault, MemoryVault};

struct Setting {
    vault: Arc<MemoryVault>,
    store: KeyringStore,
    folder: TempDir,
}

fn setting() -> Setting {
    setting_with(None)
}

fn setting_with(largest: Option<usize>) -> Setting {
    let folder = TempDir::new().expect("a folder");
    let vault = Arc::new(MemoryVault::new(largest));
    let store = KeyringStore::over(vault.clone(), folder.path().join("state"), KEYRING);
    Setting { vault, store, folder }
}

fn key() -> Key {
    Key { profile: "work".to_owned(), account: "abc123".to_owned() }
}

impl Setting {
    async fn filled() -> Self {
        let setting = setting();
        setting.store.write(&held(&key()), b"secret").await.expect("written");
        setting
    }

    /// Writes, and waits until the keyring hangs and the time limit has passed.
    async fn write_that_hangs(&self, held: Held, value: Vec<u8>) {
        self.vault.become_faulty(Fault::HangsOnChange);
        let (store, vault) = (self.store.clone(), self.vault.clone());
        let writing = tokio::spawn(async move { store.write(&held, &value).await });
        let hanging = tokio::task::spawn_blocking(move || vault.wait_for_hang());
        hanging.await.expect("a hang");
        tokio::time::pause();
        writing.await.expect("an end").expect_err("no answer");
        tokio::time::resume();
    }

    #[cfg(unix)]
    fn marker(&self) -> PathBuf {
        self.folder.path().join("state/work.abc123.keyring")
    }
}

#[tokio::test]
async fn what_was_written_last_is_read_until_it_is_deleted() {
    for largest in [None, Some(80)] {
        let Setting { vault, store, folder: _folder } = setting_with(largest);
        assert_eq!(store.read(&key()).await.expect("read"), None);
        for value in [b"first".to_vec(), vec![7; 1000], b"last".to_vec()] {
            store.write(&held(&key()), &value).await.expect("written");
            assert_eq!(store.read(&key()).await.expect("read"), Some(value));
        }
        store.delete(&held(&key())).await.expect("deleted");
        store.delete(&held(&key())).await.expect("deleted again");
        assert_eq!(store.read(&key()).await.expect("read"), None);
        assert!(vault.entries().is_empty());
    }
}

#[tokio::test]
async fn sessions_are_listed_without_asking_the_keyring() {
    let Setting { vault, store, folder: _folder } = Setting::filled().await;
    let other = Key { profile: "Home-2".to_owned(), ..key() };
    store.write(&held(&other), b"other").await.expect("written");
    vault.become_faulty(Fault::Fails);
    assert_eq!(store.list().await.expect("a list"), [other.clone(), key()]);
    vault.become_faulty(Fault::None);
    store.delete(&held(&other)).await.expect("deleted");
    assert_eq!(store.list().await.expect("a list"), [key()]);
}

#[tokio::test]
async fn a_session_that_could_not_be_kept_is_not_listed() {
    let Setting { vault, store, folder: _folder } = setting();
    vault.become_faulty(Fault::ReadOnly);
    let error = store.write(&held(&key()), b"secret").await.expect_err("not kept");
    assert_eq!(error.code(), Code::NotSaved);
    assert_eq!(store.list().await.expect("a list"), []);
}

#[tokio::test]
async fn a_session_that_could_not_be_replaced_or_deleted_is_still_listed_and_read() {
    let Setting { vault, store, folder: _folder } = Setting::filled().await;
    vault.become_faulty(Fault::ReadOnly);
    store.write(&held(&key()), b"newer").await.expect_err("not kept");
    store.delete(&held(&key())).await.expect_err("not deleted");
    assert_eq!(store.list().await.expect("a list"), [key()]);
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_marker_is_empty_and_only_its_owner_can_read_it() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    let setting = Setting::filled().await;
    let metadata = fs::metadata(setting.marker()).expect("a marker");
    assert_eq!(metadata.len(), 0);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let folder = fs::metadata(setting.folder.path().join("state")).expect("a folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn two_state_folders_share_no_entry_and_two_spellings_of_one_do() {
    let Setting { vault, store, folder } = Setting::filled().await;
    let other = KeyringStore::over(vault.clone(), folder.path().join("other"), KEYRING);
    assert_eq!(other.read(&key()).await.expect("read"), None);
    let same = KeyringStore::over(vault, folder.path().join("state/../state/."), KEYRING);
    assert_eq!(same.place(&key()), store.place(&key()));
}

#[cfg(unix)]
#[tokio::test]
async fn an_entry_has_the_same_name_before_and_after_its_folder_exists() {
    let scratch = TempDir::new().expect("a folder");
    std::fs::create_dir(scratch.path().join("real")).expect("a folder");
    std::os::unix::fs::symlink("real", scratch.path().join("link")).expect("a link");
    let folder = scratch.path().join("link/state/sessions");
    let store = KeyringStore::over(Arc::new(MemoryVault::new(None)), folder, KEYRING);
    let before = store.place(&key());
    store.write(&held(&key()), b"secret").await.expect("written");
    assert_eq!(store.place(&key()), before);
    assert!(before.contains("work.abc123 in ") && before.contains("/real/state"), "{before}");
}

#[test]
fn a_folder_with_a_long_path_makes_no_long_name() {
    let long = PathBuf::from("/").join("long".repeat(100));
    let name = folder_name(&long);
    assert_eq!(name.len(), "folder ".len() + 64);
    assert_ne!(name, folder_name(&long.join("er")));
}

#[tokio::test]
async fn the_keyring_and_the_files_of_one_folder_have_one_lock() {
    let Setting { store, folder, vault: _ } = setting();
    let files = FileStore::new(folder.path().join("state"));
    let held = store.lock(&key()).await.expect("a lock");
    let briefly = files.clone().lock_patience(Duration::from_millis(20));
    assert!(briefly.lock(&key()).await.is_err());
    drop(held);
    let _held = files.lock(&key()).await.expect("a lock");
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_never_answers_is_given_up_after_three_seconds() {
    let Setting { vault, store, folder: _folder } = setting();
    vault.become_faulty(Fault::HangsOnChange);
    let started = tokio::time::Instant::now();
    let error = store.probe(&key()).await.expect_err("no answer");
    assert_eq!(started.elapsed().as_secs(), 3);
    assert_eq!(error.code(), Code::StoreUnusable);
    assert!(error.is_retryable());
    assert_eq!(error.message(), "the keyring does not answer (waited 3 s)");

    let error = store.write(&held(&key()), b"secret").await.expect_err("no answer");
    assert_eq!(error.code(), Code::NotSaved);
    assert!(error.message().ends_with("whether the session was saved is unknown"), "{error}");
    // The entry may exist by now, and a session in the keyring has a marker.
    assert_eq!(store.list().await.expect("a list"), [key()]);
    vault.become_faulty(Fault::None);
}

#[tokio::test]
async fn a_write_that_hangs_keeps_its_lock_until_it_ends() {
    let setting = Setting::filled().await;
    let files = FileStore::new(setting.folder.path().join("state"));
    let held = setting.store.lock(&key()).await.expect("a lock");
    setting.write_that_hangs(held.clone(), b"late".to_vec()).await;
    drop(held);
    let Setting { vault, store, folder: _folder } = setting;
    let briefly = files.clone().lock_patience(Duration::from_millis(20));
    assert!(briefly.lock(&key()).await.is_err());

    vault.become_faulty(Fault::None);
    let _held = files.lock(&key()).await.expect("free when the write has ended");
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"late".to_vec()));
}

#[tokio::test]
async fn a_large_write_that_was_abandoned_changes_nothing_more() {
    let setting = setting_with(Some(80));
    setting.store.write(&held(&key()), &[1; 200]).await.expect("written");
    let held = setting.store.lock(&key()).await.expect("a lock");
    setting.write_that_hangs(held.clone(), vec![2; 200]).await;
    let Setting { vault, store, folder: _folder } = setting;
    let steps = vault.history().len();
    drop(held);
    vault.become_faulty(Fault::None);
    let _held = store.lock(&key()).await.expect("free when the thread has ended");
    assert_eq!(vault.history().len(), steps + 1, "only the call that hung");
    assert_eq!(store.read(&key()).await.expect("read"), Some(vec![1; 200]));
}

#[tokio::test]
async fn an_operation_ends_as_soon_as_the_keyring_answers() {
    let Setting { store, folder: _folder, vault: _ } = setting();
    // An operation that waited for its time limit would never end.
    let store = store.time_limit(Duration::MAX);
    store.write(&held(&key()), b"secret").await.expect("written");
    store.probe(&key()).await.expect("probed");
}

#[tokio::test]
async fn a_probe_finds_what_a_save_would_and_leaves_nothing() {
    let Setting { vault, store, folder: _folder } = Setting::filled().await;
    let before = vault.entries();
    store.probe(&key()).await.expect("probed");
    assert_eq!(vault.entries(), before);
    for (fault, words) in [
        (Fault::Fails, "the keyring failed: it is out of order"),
        (Fault::Locked, "the keyring is locked"),
        (Fault::ReadOnly, "the keyring failed: it takes nothing"),
    ] {
        vault.become_faulty(fault);
        let error = store.probe(&key()).await.expect_err("not usable");
        assert_eq!(error.code(), Code::StoreUnusable);
        assert_eq!(error.message(), words);
        assert!(error.remedy().contains("--store file"), "{}", error.remedy());
        vault.become_faulty(Fault::None);
    }
}

#[tokio::test]
async fn a_damaged_session_is_named_and_can_be_set_aside() {
    let Setting { vault, store, folder: _folder } = setting_with(Some(80));
    store.write(&held(&key()), &[7; 200]).await.expect("written");
    let part = vault.entries().into_keys().next_back().expect("a part");
    vault.delete(&part).expect("deleted");
    let error = store.read(&key()).await.expect_err("damaged");
    assert_eq!(error.code(), Code::StoredDamaged);
    assert!(error.message().contains(&store.place(&key())), "{error}");

    let first = store.set_aside(&held(&key())).await.expect("set aside");
    assert_eq!(store.read(&key()).await.expect("read"), None);
    assert_eq!(store.list().await.expect("a list"), []);
    assert!(first.ends_with(", damaged\""), "{first}");
    let left: usize = vault.entries().values().map(Vec::len).sum();
    assert!(left > 160, "{left} bytes were kept");

    store.write(&held(&key()), b"again").await.expect("written");
    let second = store.set_aside(&held(&key())).await.expect("set aside");
    assert!(second.ends_with(", damaged-2\""), "{second}");
    let error = store.set_aside(&held(&key())).await.expect_err("nothing is stored");
    assert_eq!(error.code(), Code::StoreUnusable);
}

#[tokio::test]
async fn a_session_too_large_to_read_back_is_not_written() {
    let Setting { vault, store, folder: _folder } = setting();
    let error = store.write(&held(&key()), &vec![0; 1024 * 1024 + 1]).await.expect_err("too large");
    assert_eq!(error.code(), Code::NotSaved);
    assert!(vault.entries().is_empty());
}

#[tokio::test]
async fn a_key_that_is_no_name_is_refused() {
    let Setting { store, folder: _folder, vault: _ } = setting();
    let key = Key { profile: "../x".to_owned(), ..key() };
    for error in [
        store.read(&key).await.expect_err("refused"),
        store.write(&held(&key), b"").await.expect_err("refused"),
        store.delete(&held(&key)).await.expect_err("refused"),
        store.probe(&key).await.expect_err("refused"),
    ] {
        assert_eq!(error.code(), Code::InvalidConfiguration);
    }
}

//! Tests of the file store on real folders.

#[cfg(unix)]
mod unix;

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::task::Poll;

use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::capability::store::held;
use crate::error::Code;

fn key() -> Key {
    Key { profile: "work".to_owned(), account: "abc123".to_owned() }
}

fn scratch() -> (TempDir, FileStore) {
    let scratch = TempDir::new().expect("scratch folder");
    let store = FileStore::new(scratch.path().join("state").join("sessions"));
    (scratch, store)
}

async fn filled() -> (TempDir, FileStore, PathBuf) {
    let (scratch, store) = scratch();
    store.write(&held(&key()), b"secret").await.expect("write");
    let path = PathBuf::from(store.place(&key()));
    (scratch, store, path)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("folder");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("entry").file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().expect("name")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn nothing_is_stored_at_first_and_reading_makes_no_folder() {
    let (scratch, store) = scratch();
    assert_eq!(store.read(&key()).await.expect("read"), None);
    assert_eq!(store.list().await.expect("list"), []);
    store.delete(&held(&key())).await.expect("delete");
    assert!(names(scratch.path()).is_empty());
}

#[tokio::test]
async fn what_was_written_last_is_read_until_it_is_deleted() {
    let (_scratch, store, path) = filled().await;
    store.write(&held(&key()), b"newer").await.expect("write");
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"newer".to_vec()));
    assert_eq!(names(&store.folder), ["work.abc123.session"]);
    store.delete(&held(&key())).await.expect("delete");
    store.delete(&held(&key())).await.expect("delete again");
    assert!(!path.exists());
}

#[tokio::test]
async fn other_files_in_the_folder_are_not_listed() {
    let (_scratch, store, _) = filled().await;
    for name in ["x.session", "a.B.session", "a.b.lock", "a.b.c.session", "notes", ".a.b.tmp"] {
        fs::write(store.folder.join(name), "").expect("stranger");
    }
    fs::create_dir(store.folder.join("c.d.session")).expect("stranger");
    store.write(&held(&Key { profile: "Home-2".to_owned(), ..key() }), b"").await.expect("write");
    let listed = store.list().await.expect("list");
    let profiles: Vec<_> = listed.iter().map(|key| key.profile.as_str()).collect();
    assert_eq!(profiles, ["Home-2", "work"]);
}

#[tokio::test]
async fn a_key_that_is_no_name_is_refused() {
    let (_scratch, store) = scratch();
    for (profile, account, code) in [
        ("../x", "a", Code::InvalidConfiguration),
        ("", "a", Code::InvalidConfiguration),
        ("a.b", "c", Code::InvalidConfiguration),
        // The component's own part.
        ("a", "", Code::SandboxFault),
        ("a", "../b", Code::SandboxFault),
        ("a", "B", Code::SandboxFault),
    ] {
        let key = Key { profile: profile.to_owned(), account: account.to_owned() };
        let error = store.write(&held(&key), b"").await.expect_err("refused");
        assert_eq!(error.code(), code, "{profile} {account}");
    }
}

#[tokio::test]
async fn an_unfinished_replacement_is_no_session_and_the_next_write_or_delete_removes_it() {
    let (_scratch, store, path) = filled().await;
    let leave_one = || {
        let temporary = store.temporary(&key(), b"half").expect("temporary");
        temporary.keep().expect("left behind").1
    };
    let left = leave_one();
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
    assert_eq!(store.list().await.expect("list"), [key()]);
    store.write(&held(&key()), b"whole").await.expect("write");
    assert!(!left.exists());
    let left = leave_one();
    store.delete(&held(&key())).await.expect("delete");
    assert!(!left.exists() && !path.exists());
}

#[tokio::test]
async fn a_session_too_large_to_read_back_is_not_written() {
    let (_scratch, store, path) = filled().await;
    let error = store.write(&held(&key()), &vec![0; 1024 * 1024 + 1]).await.expect_err("too large");
    assert_eq!(error.code(), Code::NotSaved);
    File::create(&path).and_then(|file| file.set_len(1024 * 1024 + 1)).expect("grown");
    let error = store.read(&key()).await.expect_err("too large");
    assert_eq!(error.code(), Code::StoreUnusable);
}

#[tokio::test]
async fn probing_leaves_a_ready_folder_and_nothing_in_it() {
    let (_scratch, store) = scratch();
    store.probe(&key()).await.expect("probe");
    assert!(names(&store.folder).is_empty());
}

#[tokio::test]
async fn a_file_in_the_folders_place_is_named() {
    let (scratch, store) = scratch();
    fs::write(scratch.path().join("state"), "").expect("file");
    let error = store.probe(&key()).await.expect_err("not a folder");
    assert_eq!(error.code(), Code::StoreUnusable);
    assert!(error.message().contains(&store.folder.display().to_string()), "{error}");
}

async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_lock_excludes_a_second_holder_until_it_is_dropped() {
    let (_scratch, store) = scratch();
    let held = store.lock(&key()).await.expect("lock");
    let _other =
        store.lock(&Key { profile: "other".to_owned(), ..key() }).await.expect("other key");
    let key = key();
    let mut second = store.lock(&key);
    assert!(is_pending(&mut second).await);
    drop(held);
    let second = second.await.expect("second");
    drop(second);
    assert!(names(&store.folder).contains(&"work.abc123.lock".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_lock_ends_with_advice_to_retry() {
    let (_scratch, store) = scratch();
    let _held = store.lock(&key()).await.expect("lock");
    let started = Instant::now();
    let error = store.lock(&key()).await.err().expect("still locked");
    assert_eq!(error.code(), Code::StoreUnusable);
    assert!(error.is_retryable());
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn a_cancelled_wait_holds_nothing() {
    let (_scratch, store) = scratch();
    let held = store.lock(&key()).await.expect("lock");
    let key = key();
    let mut cancelled = store.lock(&key);
    assert!(is_pending(&mut cancelled).await);
    drop(cancelled);
    drop(held);
    assert!(!is_pending(&mut store.lock(&key)).await);
}

#[tokio::test]
async fn a_session_that_is_set_aside_is_kept_under_another_name_and_not_listed() {
    let (_scratch, store, path) = filled().await;
    let first = store.set_aside(&held(&key())).await.expect("set aside");
    assert!(first.ends_with("work.abc123.damaged"), "{first}");
    assert_eq!(fs::read(&first).expect("kept"), b"secret");
    assert!(!path.exists());
    assert_eq!(store.list().await.expect("list"), []);
    store.write(&held(&key()), b"another").await.expect("write");
    let second = store.set_aside(&held(&key())).await.expect("set aside");
    assert!(second.ends_with("work.abc123.damaged-2"), "{second}");
    assert_eq!(fs::read(&first).expect("kept"), b"secret");
    let error = store.set_aside(&held(&key())).await.expect_err("nothing is stored");
    assert_eq!(error.code(), Code::StoreUnusable);
}

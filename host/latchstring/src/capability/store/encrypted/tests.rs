//! Sessions encrypted with passphrases and key files.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::capability::store::{MemoryStore, held};
use latchstring_core::session::AGE;

fn key() -> Key {
    Key { profile: "work".to_owned(), account: "abc123".to_owned() }
}

/// Returns a passphrase with a small work factor.
fn passphrase(words: &str) -> Encryption {
    let passphrase = SecretString::from(words.to_owned());
    Encryption(Arc::new(Secret::Passphrase { passphrase, work_factor: 2 }))
}

fn key_file(folder: &TempDir, name: &str) -> Encryption {
    let path = folder.path().join(name);
    Encryption::create_key_file(&path).expect("a key file");
    Encryption::key_file(&path).expect("its key")
}

fn over(inner: &MemoryStore, encryption: &Encryption) -> EncryptedStore {
    EncryptedStore::new(Arc::new(inner.clone()), encryption.clone())
}

async fn stored(inner: &MemoryStore) -> Vec<u8> {
    inner.read(&key()).await.expect("a store").expect("something stored")
}

#[tokio::test]
async fn a_session_can_be_read_only_with_its_secret() {
    let folder = TempDir::new().expect("a folder");
    for encryption in [passphrase("correct horse"), key_file(&folder, "key.txt")] {
        let inner = MemoryStore::default();
        let store = over(&inner, &encryption);
        assert_eq!(store.read(&key()).await.expect("read"), None);
        for value in [b"a secret session".repeat(5000), Vec::new()] {
            store.write(&held(&key()), &value).await.expect("written");
            assert_eq!(store.read(&key()).await.expect("read"), Some(value));
            let bytes = stored(&inner).await;
            assert!(is_encrypted(&bytes));
            assert!(!bytes.windows(6).any(|window| window == b"secret"));
        }
        store.probe(&key()).await.expect("probed");
        store.delete(&held(&key())).await.expect("deleted");
        assert_eq!(inner.list().await.expect("a list"), []);
    }
}

#[tokio::test]
async fn a_session_stored_without_encryption_is_read_and_encrypted_at_the_next_save() {
    let inner = MemoryStore::default();
    inner.write(&held(&key()), b"{\"latchstring\":1}").await.expect("written");
    let store = over(&inner, &passphrase("correct horse"));
    let value = store.read(&key()).await.expect("read").expect("a session");
    assert_eq!(value, b"{\"latchstring\":1}");
    assert!(!is_encrypted(&value));
    store.write(&held(&key()), &value).await.expect("written");
    assert!(is_encrypted(&stored(&inner).await));
}

#[tokio::test]
async fn the_wrong_secret_is_not_reported_as_damage_and_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let secrets = [
        passphrase("correct horse"),
        passphrase("battery staple"),
        key_file(&folder, "mine.txt"),
        key_file(&folder, "yours.txt"),
    ];
    for (right, encryption) in secrets.iter().enumerate() {
        let inner = MemoryStore::default();
        over(&inner, encryption).write(&held(&key()), b"secret").await.expect("written");
        let before = stored(&inner).await;
        for (_, wrong) in secrets.iter().enumerate().filter(|(index, _)| *index != right) {
            let store = over(&inner, wrong);
            let error = store.read(&key()).await.expect_err("the wrong one");
            assert_eq!(error.code(), Code::StoreUnusable);
            assert!(error.message().contains("cannot be decrypted with "), "{error}");
            assert_eq!(store.probe(&key()).await.expect_err("unread").code(), error.code());
        }
        assert_eq!(stored(&inner).await, before);
    }
}

#[tokio::test]
async fn damage_is_noticed_wherever_it_is_and_named() {
    let folder = TempDir::new().expect("a folder");
    let inner = MemoryStore::default();
    let store = over(&inner, &key_file(&folder, "key.txt"));
    store.write(&held(&key()), b"a secret session").await.expect("written");
    let whole = stored(&inner).await;
    let mut ruins: Vec<_> = (AGE.len()..whole.len()).map(|end| whole[..end].to_vec()).collect();
    ruins.push([whole.as_slice(), b"x"].concat());
    let header = whole.windows(4).position(|bytes| bytes == b"\n---").expect("a header");
    for index in header..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 1;
        ruins.push(changed);
    }
    for ruin in ruins {
        inner.write(&held(&key()), &ruin).await.expect("written");
        let error = store.read(&key()).await.expect_err("damaged");
        assert!(
            matches!(error.code(), Code::StoredDamaged | Code::StoredNewer),
            "{error:?} for {} bytes",
            ruin.len()
        );
        assert!(error.message().contains("this process's memory"), "{error}");
    }
}

#[tokio::test]
async fn a_value_that_would_take_too_long_to_decrypt_is_refused_at_once() {
    let inner = MemoryStore::default();
    let store = over(&inner, &passphrase("correct horse"));
    store.write(&held(&key()), b"secret").await.expect("written");
    let text = stored(&inner).await;
    let line = text.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let end = line + text[line..].iter().position(|byte| *byte == b'\n').expect("a line");
    assert_eq!(text[end - 2..end], *b" 2");
    let costly = [&text[..end - 1], b"30", &text[end..]].concat();
    inner.write(&held(&key()), &costly).await.expect("written");
    let error = store.read(&key()).await.expect_err("refused");
    assert_eq!(error.code(), Code::StoreUnusable);
    assert!(error.message().contains("2^30"), "{error}");
}

#[tokio::test]
async fn a_key_file_of_age_keygens_with_several_identities_decrypts_with_each() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("keys.txt");
    key_file(&folder, "old.txt");
    key_file(&folder, "new.txt");
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a key file");
    let inner = MemoryStore::default();
    let old = Encryption::key_file(&folder.path().join("old.txt")).expect("a key");
    over(&inner, &old).write(&held(&key()), b"secret").await.expect("written");

    let both =
        format!("# created: 2026-01-01T00:00:00Z\r\n\n{}\n{}", text("new.txt"), text("old.txt"));
    Encryption::create_key_file(&path).expect("a private file");
    fs::write(&path, both).expect("a key file");
    let both = Encryption::key_file(&path).expect("two keys");
    assert_eq!(over(&inner, &both).read(&key()).await.expect("read"), Some(b"secret".to_vec()));
    over(&inner, &both).write(&held(&key()), b"secret").await.expect("written");
    over(&inner, &old).read(&key()).await.expect_err("the first is what it is saved with");
}

#[test]
fn a_key_file_is_never_replaced() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("new/folder/key.txt");
    Encryption::create_key_file(&path).expect("a key file");
    let before = fs::read(&path).expect("a key file");
    let error = Encryption::create_key_file(&path).expect_err("there already");
    assert!(error.message().contains("never replaced"), "{error}");
    assert_eq!(fs::read(&path).expect("a key file"), before);
    assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("a folder").count(), 1);
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_command_that_closes_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("key.txt");
    Encryption::create_key_file(&path).expect("a key file");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    let error = Encryption::key_file(&path).expect_err("open to others");
    assert_eq!(error.code(), Code::StoreUnusable);
    assert!(error.remedy().starts_with("run: chmod 600 "), "{}", error.remedy());
}

#[cfg(unix)]
#[test]
fn a_credential_may_be_roots_and_readable_by_a_group_and_no_more() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("latchstring-key");
    Encryption::create_key_file(&path).expect("a key file");
    for (mode, is_accepted) in [
        (0o400, true),
        (0o440, true),
        (0o600, true),
        (0o460, false),
        (0o404, false),
        (0o444, false),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        let read = key_file::read_credential(&path);
        assert_eq!(read.is_ok(), is_accepted, "{mode:o}");
        if let Err(error) = read {
            assert_eq!(error.code(), Code::StoreUnusable);
            assert!(error.remedy().contains("LoadCredentialEncrypted="), "{}", error.remedy());
        }
    }
}

#[test]
fn an_invalid_key_file_is_named_and_never_shown() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("key.txt");
    let error = Encryption::key_file(&path).expect_err("not there");
    assert!(error.message().ends_with("key.txt does not exist"), "{error}");
    Encryption::key_file(folder.path()).expect_err("a folder");
    Encryption::create_key_file(&path).expect("a private file");
    let whole = fs::read_to_string(&path).expect("a key file");
    for text in
        ["", "# only a comment\n", &whole[..whole.len() - 3], "AGE-PLUGIN-X-1QQQQ", "\u{feff}"]
    {
        fs::write(&path, text).expect("a file");
        let error = Encryption::key_file(&path).expect_err("no key");
        assert_eq!(error.code(), Code::StoreUnusable);
        assert!(!error.message().contains("AGE-"), "{error}");
    }
    fs::write(&path, b"\xff\xfe").expect("a file");
    Encryption::key_file(&path).expect_err("no text");
}

#[test]
fn only_the_kind_of_a_secret_is_shown() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(format!("{:?}", passphrase("correct horse")), "Encryption(this passphrase)");
    let shown = format!("{:?}", key_file(&folder, "key.txt"));
    assert!(shown.ends_with("key.txt)") && !shown.contains("AGE"), "{shown}");
}

#[tokio::test]
async fn a_passphrase_with_the_real_work_factor_works() {
    let inner = MemoryStore::default();
    let words = Zeroizing::new("correct horse".to_owned());
    let store = over(&inner, &Encryption::passphrase(words));
    store.write(&held(&key()), b"secret").await.expect("written");
    assert_eq!(store.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
    let other = over(&inner, &passphrase("correct horse"));
    assert_eq!(other.read(&key()).await.expect("read"), Some(b"secret".to_vec()));
}

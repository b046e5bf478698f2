//! Tests of values larger than an entry, at every step of their replacement.

use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroizing;

use super::memory_vault::{Entries, Fault, MemoryVault};
use crate::capability::store::keyring::parts;
use crate::capability::store::keyring::vault::{Trouble, Vault};

const ENTRY: &str = "work.abc in /state";
/// Most bytes of an entry; a head takes 65.
const LARGEST: usize = 80;

/// The stored value; `None` if there is none.
type Value = Option<Vec<u8>>;

fn vault(entries: Entries) -> MemoryVault {
    MemoryVault::with(Some(LARGEST), entries)
}

fn value(seed: u8, size: usize) -> Vec<u8> {
    (0..size).map(|index| seed.wrapping_add(index as u8)).collect()
}

fn read(vault: &dyn Vault) -> Value {
    parts::read(vault, ENTRY).expect("old or new").map(|value| value.to_vec())
}

fn holding(old: Option<&[u8]>) -> Entries {
    let vault = vault(Entries::new());
    if let Some(old) = old {
        parts::write(&vault, ENTRY, old).expect("written");
    }
    vault.entries()
}

/// Each kind of value replaced by each other: none, one that fits, ones that need two,
/// three and many parts, and one that looks like a head.
fn replacements() -> Vec<(Value, Value)> {
    let values = |seed: u8| {
        vec![
            None,
            Some(value(seed, 10)),
            Some(value(seed, LARGEST)),
            Some(value(seed, LARGEST + 1)),
            Some(value(seed, 3 * LARGEST)),
            Some(value(seed, 10 * LARGEST + 7)),
            Some([b"latchstring-parts a 1 ".as_slice(), &[seed]].concat()),
        ]
    };
    let olds = values(1);
    olds.iter().flat_map(|old| values(2).into_iter().map(|new| (old.clone(), new))).collect()
}

fn replace(vault: &dyn Vault, new: Option<&[u8]>) -> Result<(), Trouble> {
    match new {
        Some(new) => parts::write(vault, ENTRY, new),
        None => parts::delete(vault, ENTRY),
    }
}

#[test]
fn the_last_value_is_read_and_nothing_else_is_left() {
    for (old, new) in replacements() {
        let vault = vault(holding(old.as_deref()));
        replace(&vault, new.as_deref()).expect("replaced");
        assert_eq!(read(&vault), new);
        assert_eq!(vault.entries().len(), holding(new.as_deref()).len());
    }
}

#[test]
fn a_value_that_fits_is_one_unchanged_entry() {
    let vault = vault(Entries::new());
    parts::write(&vault, ENTRY, b"small").expect("written");
    assert_eq!(vault.entries(), Entries::from([(ENTRY.to_owned(), b"small".to_vec())]));
    assert_eq!(vault.history().len(), 2);
}

#[test]
fn a_keyring_without_a_limit_gets_every_value_unchanged() {
    let vault = MemoryVault::new(None);
    for value in [value(1, 100_000), b"latchstring-parts a 1 x".to_vec()] {
        parts::write(&vault, ENTRY, &value).expect("written");
        assert_eq!(vault.entries(), Entries::from([(ENTRY.to_owned(), value.clone())]));
        assert_eq!(read(&vault), Some(value));
    }
}

/// Returns the entries of one moment, and after a number of reads those of a later one.
struct Overtaken {
    before: MemoryVault,
    after: MemoryVault,
    reads_left: AtomicUsize,
}

impl Vault for Overtaken {
    fn connect(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let left = self.reads_left.load(Ordering::Relaxed);
        self.reads_left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 { self.after.get(entry) } else { self.before.get(entry) }
    }

    fn set(&self, _: &str, _: &[u8]) -> Result<(), Trouble> {
        unreachable!("a reader writes nothing")
    }

    fn delete(&self, _: &str) -> Result<bool, Trouble> {
        unreachable!("a reader deletes nothing")
    }

    fn largest(&self) -> Option<usize> {
        Some(LARGEST)
    }

    fn disconnect(&self) {}

    fn name(&self) -> &'static str {
        "a keyring that moves on"
    }
}

#[test]
fn a_reader_sees_the_old_value_or_the_new_one_between_any_two_steps_of_a_writer() {
    for (old, new) in replacements() {
        let vault = vault(holding(old.as_deref()));
        replace(&vault, new.as_deref()).expect("replaced");
        for entries in vault.history() {
            let seen = read(&self::vault(entries));
            assert!(seen == old || seen == new);
        }
    }
}

#[test]
fn a_reader_that_a_writer_overtakes_sees_the_old_value_or_the_new_one() {
    for (old, new) in replacements() {
        let writer = vault(holding(old.as_deref()));
        replace(&writer, new.as_deref()).expect("replaced");
        let history = writer.history();
        for (moment, before) in history.iter().enumerate() {
            for after in &history[moment..] {
                // A reader of these values reads at most this often.
                for reads in 0..=before.len() {
                    let seen = read(&Overtaken {
                        before: vault(before.clone()),
                        after: vault(after.clone()),
                        reads_left: AtomicUsize::new(reads),
                    });
                    assert!(seen == old || seen == new, "after {reads} reads");
                }
            }
        }
    }
}

#[test]
fn a_writer_that_crashes_leaves_the_old_value_or_the_new_one_and_its_rest_is_removed() {
    for (old, new) in replacements() {
        let whole = vault(holding(old.as_deref()));
        replace(&whole, new.as_deref()).expect("replaced");
        for steps in 0..whole.history().len() {
            let dying = vault(holding(old.as_deref()));
            dying.become_faulty(Fault::DiesAfter(steps));
            let _ = replace(&dying, new.as_deref());
            let left = dying.entries();
            let seen = read(&vault(left.clone()));
            assert!(seen == old || seen == new, "after {steps} steps");

            for next in [None, Some(value(3, 20)), Some(value(3, 2 * LARGEST))] {
                let vault = vault(left.clone());
                replace(&vault, next.as_deref()).expect("replaced");
                assert_eq!(read(&vault), next);
                let tidy = holding(next.as_deref()).len();
                assert_eq!(vault.entries().len(), tidy, "after {steps} steps");
            }
        }
    }
}

#[test]
fn a_writer_that_only_fails_to_tidy_up_has_written() {
    let (old, new) = (value(1, 3 * LARGEST), value(2, 10));
    let vault = vault(holding(Some(&old)));
    vault.become_faulty(Fault::DiesAfter(1));
    parts::write(&vault, ENTRY, &new).expect("written");
    assert_eq!(read(&vault), Some(new));
}

#[test]
fn a_missing_or_changed_part_is_damage() {
    let whole = holding(Some(&value(1, 3 * LARGEST)));
    for name in whole.keys().filter(|name| *name != ENTRY) {
        let mut gone = whole.clone();
        gone.remove(name);
        let mut changed = whole.clone();
        changed.entry(name.clone()).and_modify(|part| part[0] ^= 1);
        for entries in [gone, changed] {
            let outcome = parts::read(&vault(entries), ENTRY);
            assert!(matches!(outcome, Err(Trouble::Damaged)), "{outcome:?}");
        }
    }
    for head in ["latchstring-parts ", "latchstring-parts c 1 x", "latchstring-parts a 1 x y"] {
        let entries = Entries::from([(ENTRY.to_owned(), head.as_bytes().to_vec())]);
        let outcome = parts::read(&vault(entries), ENTRY);
        assert!(matches!(outcome, Err(Trouble::Damaged)), "{outcome:?}");
    }
}

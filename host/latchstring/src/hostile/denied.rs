//! Every misbehaviour of the hostile component, and how the host ends it: the table that
//! other hosts run too.

use latchstring_hostile::denied;

use super::{Denied, Surroundings, actor, block_on, print_table};
use crate::Latch;
use crate::error::{Code, Error, code_named};

/// Returns a table's rows, one for each part.
fn rows(table: &str) -> Vec<Denied> {
    let groups = denied().into_iter().filter(|group| group.table == table);
    let rows = groups.flat_map(|group| {
        let (occasion, code) = (group.occasion, code_named(&group.code).unwrap());
        let parts = group.parts.into_iter();
        parts.map(move |(part, words)| Denied { part, occasion, code, words })
    });
    let rows: Vec<Denied> = rows.collect();
    assert!(!rows.is_empty(), "there is no table {table}");
    rows
}

/// Runs every part of a table and prints the host's error for each.
#[track_caller]
fn all_end(table: &str, check: impl Fn(&Denied, &Surroundings)) {
    let ends: Vec<(String, Error)> = rows(table)
        .into_iter()
        .map(|denied| {
            let surroundings = Surroundings::default();
            let error = denied.run(&surroundings);
            denied.check(&error);
            check(&denied, &surroundings);
            (denied.part, error)
        })
        .collect();
    let title = format!("a component that {table}");
    print_table(&title, ends.iter().map(|(part, error)| (part.as_str(), error)));
}

#[test]
fn endless_and_oversized_actions_are_stopped() {
    all_end("asks for too much", |_, _| {});
}

#[test]
fn no_request_and_no_browser_is_sent_elsewhere() {
    all_end("wants to reach", |denied, surroundings| {
        surroundings.kept(|kept| {
            assert_eq!(kept.sent, Vec::<String>::new(), "{}", denied.part);
            assert_eq!(kept.opened, Vec::<String>::new(), "{}", denied.part);
            let said = kept.said.join("\n");
            assert!(!said.contains("evil") && !said.contains("://"), "{}: {said}", denied.part);
        });
    });
}

#[test]
fn metadata_cannot_lead_to_an_internal_address() {
    let part = "an address inside that the metadata names";
    let surroundings = Surroundings::default();
    let client = surroundings.equip(Latch::builder("https://1.1.1.1", part));
    let error = block_on(client.build_on(actor()).unwrap().token()).err().unwrap();
    assert_eq!(error.code(), Code::EgressDenied);
    assert_eq!(error.message(), "169.254.169.254 is not a public address");
    print_table("a component that knows", [(part, &error)]);
}

#[test]
fn an_answer_to_another_question_is_refused() {
    all_end("offers", |_, _| {});
}

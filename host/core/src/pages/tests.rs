//! Tests of what pages say, and that no text can break out of them.

use super::*;
use crate::contract::{Failure, ProviderError};

const HOSTILE: &str = "<script>alert('x')</script>\" onload=\"& {{title}}";

fn hostile() -> Error {
    Error::from(Failure {
        code: Code::ProviderRefused.into(),
        message: HOSTILE.to_owned(),
        remedy: HOSTILE.to_owned(),
        provider: Some(ProviderError {
            error: HOSTILE.to_owned(),
            description: Some(HOSTILE.to_owned()),
        }),
        retryable: false,
    })
}

fn all(pages: &Pages) -> Vec<Page> {
    let error = hostile();
    vec![
        pages.success(),
        pages.refused(&error),
        pages.failed(&error),
        pages.stray(error.message()),
        pages.used_address(),
        pages.another_browser(),
        pages.another_user(),
        pages.finished(),
        pages.abandoned(),
    ]
}

fn read(text: &str) -> Pages {
    Pages::from_toml(text, |_| Err("there is none".to_owned())).expect("good pages")
}

/// Returns a pages document in which every text is `text`.
fn everywhere(text: &str) -> String {
    let quoted = toml_edit::Value::from(text).to_string();
    let mut file = format!("name = {quoted}\n[terms]\n");
    for term in ["what-happened", "provider-said", "what-to-do", "code", "why"] {
        file += &format!("{term} = {quoted}\n");
    }
    for words in [
        "warning",
        "success",
        "refused",
        "failed",
        "stray",
        "used-address",
        "another-browser",
        "another-user",
        "finished",
        "abandoned",
    ] {
        file += &format!("[{words}]\ntitle = {quoted}\ntext = {quoted}\n");
    }
    file
}

#[test]
fn foreign_text_is_never_markup_or_a_slot() {
    for page in [all(&Pages::default()), all(&read(&everywhere(HOSTILE)))].concat() {
        assert!(!page.html.contains("<script"), "{}", page.html);
        assert!(!page.html.contains("\" onload"), "{}", page.html);
    }
    let page = Pages::default().stray(hostile().message());
    assert!(page.html.contains("<dd dir=\"auto\">&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#34; onload=&#34;&#38; {{title}}</dd>"));
}

#[test]
fn every_page_tells_its_state_in_its_title_and_warns_about_its_address() {
    for page in all(&Pages::default()) {
        let (_, title) = page.html.split_once("<title>").expect("title");
        let (title, _) = title.split_once(" · latchstring</title>").expect("title");
        assert!(page.html.contains(&format!("<h1 dir=\"auto\">{title}</h1>")));
        assert!(page.html.contains("Never paste this page’s address"));
        assert!(page.html.contains("<html lang=\"en\" dir=\"ltr\">"));
    }
}

#[test]
fn no_page_loads_anything_or_has_links() {
    for page in all(&Pages::default()) {
        for forbidden in ["http:", "https:", "href", "src=", "url(", "@import", "style=\"", "<form"]
        {
            assert!(!page.html.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn the_policy_allows_the_templates_style_by_its_hash() {
    for page in all(&Pages::default()) {
        let policy = page.policy;
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let end = "='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert!(policy.ends_with(end), "{policy}");
    }
}

#[test]
fn a_failure_page_shows_every_detail() {
    let error = Error::new(Code::NotSaved, "the disk is full", "free some space");
    let page = Pages::default().failed(&error);
    for text in ["The disk is full", "Free some space", "not-saved"] {
        assert!(page.html.contains(text));
    }
}

#[test]
fn every_text_can_be_replaced() {
    let (english, own) = (all(&Pages::default()), all(&read(&everywhere("GRÜẞE"))));
    for (english, own) in english.iter().zip(&own) {
        let words = |page: &Page| {
            let (_, body) = page.html.split_once("<body>").expect("a body");
            let between = body.split('>').filter_map(|rest| rest.split('<').next());
            let words = between.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            words.collect::<Vec<_>>()
        };
        // The remaining text comes from this login.
        let left = words(own).into_iter().filter(|text| text != "GRÜẞE").collect::<Vec<_>>();
        assert!(
            left.iter().all(|text| text.contains("alert") || text == "provider-refused"),
            "{left:?}"
        );
        assert_eq!(words(english).len(), words(own).len());
    }
}

#[test]
fn texts_missing_in_a_file_are_english() {
    let pages = read("lang = \"fr\"\n[success]\ntitle = \"Vous êtes connecté\"\n");
    let html = pages.success().html;
    for text in ["<html lang=\"fr\"", ">Vous êtes connecté</h1>", "You can close this window"] {
        assert!(html.contains(text), "{text} in {html}");
    }
    assert_eq!(
        pages.abandoned().html.replace("\"fr\"", "\"en\""),
        Pages::default().abandoned().html
    );
}

#[test]
fn a_language_written_from_right_to_left_sets_the_direction() {
    assert!(read("lang = \"ar\"").success().html.contains("<html lang=\"ar\" dir=\"rtl\">"));
}

#[test]
fn a_redirect_replaces_its_page_and_adds_nothing_about_the_login() {
    let pages = read(
        "[redirect]\nsuccess = \"https://example.com/done\"\nfailed = \"http://localhost:8000/no\"",
    );
    assert_eq!(pages.success(), Page::forward("https://example.com/done#", None));
    assert_eq!(pages.failed(&hostile()), Page::forward("http://localhost:8000/no#", None));
    assert_eq!(pages.refused(&hostile()), Pages::default().refused(&hostile()));
}

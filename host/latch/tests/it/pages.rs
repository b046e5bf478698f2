//! Pages of somebody's own, in the browser that comes back.

use std::fs;
use std::sync::mpsc;
use std::thread;

use latchstring::capability::browser::Browser;
use latchstring::pages::Pages;
use latchstring::{Code, Error};
use latchstring_provider::visitor::Visitor;
use latchstring_testing::embedded::Setting;
use latchstring_testing::http::{Answer, get, send, with};
use latchstring_testing::{Home, Pending, block_on, run};

const FRENCH: &str = "lang = \"fr\"\n\
    [success]\ntitle = \"Vous êtes connecté\"\n\
    [finished]\ntitle = \"Déjà terminé\"\n\
    [used-address]\ntitle = \"Adresse déjà utilisée\"\n\
    [stray]\ntitle = \"Réponse inattendue\"\n\
    [refused]\ntitle = \"Connexion refusée\"\n\
    [terms]\nwhat-happened = \"Ce qui s’est passé\"\n";

fn german() -> Pages {
    Pages::for_languages(["de"])
}

#[track_caller]
fn shows(answer: &Answer, title: &str) {
    assert!(
        answer.body.contains(&format!("<h1 dir=\"auto\">{title}</h1>")),
        "{title} in {}",
        answer.body
    );
}

fn end(pending: &Pending) -> Answer {
    let end = pending.redirect_uri().join("/latchstring/end?done").expect("an address");
    send(&end, "GET", &[])
}

#[test]
fn a_login_shows_the_pages_that_it_was_given_and_remembers_them() {
    let home = Home::new();
    home.file("work/pages.toml", FRENCH);
    let pending = home.start_login(&["--pages", "pages.toml"]);
    shows(&get(&pending.answer()), "Vous êtes connecté");
    pending.finish().succeeded();
    let path = home.work_folder().join("pages.toml");
    let kept = home.latch(&["profile", "show", "--json"]).succeeded().json();
    assert_eq!(kept["pages"], path.display().to_string());

    let mut login = home.command(&["login", "--no-browser"]);
    let pending = Pending::start(login.current_dir(home.config_folder()));
    shows(&get(&pending.answer()), "Vous êtes connecté");
    pending.finish().succeeded();
}

#[test]
#[cfg(not(any(target_os = "macos", windows)))]
fn pages_are_in_the_language_of_the_system_unless_a_file_says_otherwise() {
    let home = Home::new();
    let empty = home.file("pages.toml", "name = \"my-cli\"\n");
    let english = "You are logged in";
    for (variables, more, title) in [
        (&[][..], &[][..], english),
        (&[("LANG", "de_DE.UTF-8")], &[], "Sie sind angemeldet"),
        (&[("LANG", "de_DE.UTF-8"), ("LC_MESSAGES", "fr_FR")], &[], "Vous êtes connecté"),
        (
            &[("LANG", "de_DE"), ("LC_MESSAGES", "it_IT"), ("LC_ALL", "es_MX")],
            &[],
            "Ha iniciado sesión",
        ),
        (&[("LANG", "de_DE.UTF-8"), ("LANGUAGE", "nl:en")], &[], "Je bent ingelogd"),
        (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "")], &[], "Sie sind angemeldet"),
        (&[("LANG", "de_DE.UTF-8"), ("LANGUAGE", "de"), ("LC_ALL", "C")], &[], english),
        (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C.UTF-8")], &[], english),
        (&[("LANG", "tlh")], &[], english),
        (&[("LANG", "de_DE.UTF-8")], &["--pages", &empty], english),
    ] {
        let mut command = home.login_command(more);
        let pending = Pending::start(command.envs(variables.iter().copied()));
        shows(&get(&pending.answer()), title);
        pending.finish().succeeded();
    }
}

#[test]
fn every_page_of_a_login_is_in_its_language() {
    let home = Home::new();
    let pages = home.file("pages.toml", FRENCH);
    let pending = home.start_login(&["--pages", &pages]);
    let start = pending.redirect_uri().join("/latchstring/start?ticket=x").expect("an address");
    shows(&get(&start), "Adresse déjà utilisée");
    shows(&get(&with(&pending.answer(), "state", Some("x"))), "Réponse inattendue");
    let page = get(&pending.refusal());
    shows(&page, "Connexion refusée");
    assert!(page.body.contains(">Ce qui s’est passé</dt>"), "{}", page.body);
    pending.finish().failed(4, "access-denied");
}

#[test]
fn an_answer_that_comes_when_the_login_has_ended_is_told_to_look_at_the_terminal() {
    let home = Home::new();
    let pages = home.file("pages.toml", FRENCH);
    for (arguments, title) in
        [(&[][..], "This login has already finished"), (&["--pages", &pages], "Déjà terminé")]
    {
        let pending = home.start_login(arguments);
        let (one, two) = (pending.answer(), pending.answer());
        let first = send(&one, "GET", &[]);
        assert_eq!(first.header("location"), Some("/latchstring/end?done"), "{first:?}");
        let second = send(&two, "GET", &[]);
        assert_eq!(second.status, 410);
        shows(&second, title);
        assert!(second.body.contains("Your terminal shows how it ended"), "{}", second.body);
        assert_eq!(end(&pending).status, 200);
        pending.finish().succeeded();
    }
}

#[test]
fn a_redirect_ends_the_login_elsewhere_without_its_code() {
    let home = Home::new();
    let pages = home.file(
        "pages.toml",
        "[redirect]\nsuccess = \"https://example.com/done\"\nrefused = \"https://example.com/no?a=b\"\n",
    );
    let pending = home.start_login(&["--pages", &pages]);
    send(&pending.answer(), "GET", &[]);
    let page = end(&pending);
    assert_eq!((page.status, page.header("location")), (303, Some("https://example.com/done#")));
    pending.finish().succeeded();

    let pending = home.start_login(&["--pages", &pages]);
    send(&pending.refusal(), "GET", &[]);
    assert_eq!(end(&pending).header("location"), Some("https://example.com/no?a=b#"));
    pending.finish().failed(4, "access-denied");
}

#[test]
fn a_template_shows_its_own_style_and_runs_no_script() {
    let home = Home::new();
    home.file(
        "page.html",
        "<style>b {}</style><script>alert(1)</script><h1>{{title}}</h1>{{text}}{{warning}}",
    );
    let pages = home.file("pages.toml", "template = \"page.html\"\n");
    let pending = home.start_login(&["--pages", &pages]);
    let page = get(&pending.answer());
    assert!(page.body.starts_with("<style>b {}</style>"), "{}", page.body);
    // The hash is that of `b {}`.
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'sha256-zy87ZYlZV4kMyp51wB+3ABJeEclAGRFupKDmlDS9DAw='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    pending.finish().succeeded();
}

/// A browser in which somebody logs in at once, and tells what they see in the end.
struct Telling(mpsc::Sender<String>);

impl Browser for Telling {
    fn open(&self, url: &str) -> Result<(), Error> {
        let (told, url) = (self.0.clone(), url.to_owned());
        thread::spawn(move || {
            let page = block_on(Visitor::default().visit(&url)).expect("the last page");
            told.send(page.body).expect("somebody listens");
        });
        Ok(())
    }
}

#[test]
fn a_program_shows_pages_of_its_own() {
    let (told, seen) = mpsc::channel();
    let setting = Setting::new();
    let latch = setting.builder().browser(Telling(told)).pages(german()).build();
    block_on(latch.expect("good settings").login()).expect("a login");
    let body = seen.recv().expect("a page");
    assert!(body.contains("Sie sind angemeldet"), "{body}");
}

#[test]
fn pages_that_cannot_be_shown_stop_a_login_before_it_begins() {
    let home = Home::new();
    let key = home.path("key");
    let key = key.to_str().expect("a path");
    for (text, word) in [
        ("colour = \"red\"\n", "colour"),
        ("template = \"nowhere.html\"\n", "nowhere.html"),
        ("[redirect]\nsuccess = \"http://example.com/\"\n", "https"),
    ] {
        let pages = home.file("pages.toml", text);
        let mut login = home.login_command(&["--pages", &pages, "--key-file", key]);
        let run = run(&mut login).failed(2, "invalid-configuration");
        run.saying(&[word, &pages, "correct the file"]);
    }
    home.latch(&["login", "--pages", "nowhere.toml"])
        .failed(2, "invalid-configuration")
        .saying(&["nowhere.toml"]);
    assert!(home.provider.log().is_empty());
    assert!(!home.path("key").exists());
}

#[test]
fn a_token_has_nothing_to_do_with_pages() {
    let home = Home::new();
    let pages = home.file("pages.toml", FRENCH);
    home.login_with(&["--pages", &pages]);
    fs::write(&pages, "colour = \"red\"\n").expect("a file");
    home.token(&[]);
    home.token(&["--force-refresh"]);
    home.latch(&["logout"]).succeeded();
}

#[test]
fn a_translation_leaves_no_text_in_english() {
    let error = Error::new(Code::NotSaved, "", "x");
    let all = |pages: &Pages| {
        [
            pages.success(),
            pages.refused(&error),
            pages.failed(&error),
            pages.finished(),
            pages.stray(""),
            pages.used_address(),
            pages.another_browser(),
            pages.another_user(),
            pages.abandoned(),
        ]
    };
    let texts = |html: &str| {
        let (_, body) = html.split_once("<body>").expect("a body");
        let texts = body.split('>').filter_map(|rest| rest.split('<').next());
        let texts = texts.map(|text| text.trim().to_owned());
        let ours = ["", "X", "not-saved", "latchstring"];
        texts.filter(|text| !ours.contains(&text.as_str())).collect::<Vec<_>>()
    };
    for language in Pages::languages() {
        let translation = all(&Pages::for_languages([language]));
        for (english, page) in all(&Pages::default()).iter().zip(&translation) {
            let (english, own) = (texts(&english.html), texts(&page.html));
            assert_eq!(english.len(), own.len());
            assert!(own.iter().all(|text| !english.contains(text)), "{language}: {own:?}");
        }
    }
}

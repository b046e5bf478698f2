use std::fs;

use super::{BUILT_IN, Preset, Settings};
use crate::error::{Code, Error};
use crate::latch::Latch;

const TEXT: &str = r#"
about = "Example"

[settings.tenant]
about = "the tenant"
environment = ["EXAMPLE_TENANT", "OLD_TENANT"]

[settings.audience]
about = "the API"
optional = true

[settings.kind]
about = "a kind"
default = "new"
one-of = ["new", "old"]

[client]
issuer = "https://{tenant}.example/{kind}"
client-id = "cli"
scopes = ["a", "{audience}"]
added-scopes = ["openid"]

[parameters]
audience = "{audience}"
"#;

fn preset() -> Preset {
    Preset::parse("example", TEXT, "a test").expect("a preset")
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn latch(pairs: &[(&str, &str)]) -> Result<Latch, Error> {
    Latch::of(&preset(), &settings(pairs))?.build()
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = Preset::parse("example", text, "my.toml").err().expect("a refusal");
    assert_eq!(error.code(), Code::InvalidConfiguration);
    assert!(error.message().starts_with("my.toml: "), "{error}");
    assert!(error.message().contains(words), "no {words:?}: {error}");
}

#[test]
fn every_preset_of_this_crate_can_be_read_and_explains_itself() {
    for (name, text) in BUILT_IN {
        Preset::parse(name, text, name).unwrap_or_else(|error| panic!("{error}"));
        let preset = Preset::named(name, None).expect("a preset");
        assert_eq!(preset.name(), *name);
        assert!(!preset.about().is_empty());
        assert!(preset.settings().values().all(|setting| !setting.about.is_empty()), "{name}");
        // The settings that are needed are enough.
        let needed = preset.settings().iter().filter(|(_, setting)| setting.is_needed());
        let given = needed.map(|(name, _)| (name.clone(), "https://id.example".to_owned()));
        let builder = Latch::of(&preset, &given.collect()).expect("a client");
        builder.build().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn settings_replace_their_placeholders() {
    let latch = latch(&[("tenant", "acme"), ("audience", "api")]).expect("a client");
    assert_eq!(latch.issuer(), Some("https://acme.example/new"));
    assert_eq!(latch.client_id(), Some("cli"));
}

#[test]
fn an_unset_optional_setting_removes_its_texts() {
    let with = latch(&[("tenant", "acme"), ("audience", "api")]).expect("a client");
    let without = latch(&[("tenant", "acme")]).expect("a client");
    let empty = latch(&[("tenant", "acme"), ("audience", "")]).expect("a client");
    assert_ne!(with.key(), without.key());
    assert_eq!(without.key(), empty.key());
}

#[test]
fn a_missing_setting_is_named_with_its_variable() {
    let error = latch(&[]).err().expect("a refusal");
    assert!(error.message().contains("needs the setting tenant: the tenant"), "{error}");
    assert!(error.remedy().contains("--set tenant=VALUE, or set EXAMPLE_TENANT"), "{error}");
}

#[test]
fn an_unknown_setting_is_named_with_the_known_ones() {
    let error = latch(&[("tenant", "acme"), ("tenent", "x")]).err().expect("a refusal");
    assert!(error.message().contains("has no setting tenent"), "{error}");
    assert_eq!(error.remedy(), "it has: audience, kind, tenant");
    let error = latch(&[("tenant", "acme"), ("kind", "odd")]).err().expect("a refusal");
    assert_eq!(error.remedy(), "it is one of: new, old");
}

#[test]
fn variables_that_disagree_are_an_error() {
    let variables = |pairs: &'static [(&str, &str)]| {
        move |name: &str| {
            let found = pairs.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    let preset = preset();
    let found = preset.from_environment(variables(&[("OLD_TENANT", "acme")])).expect("settings");
    assert_eq!(found, settings(&[("tenant", "acme")]));
    let both = variables(&[("OLD_TENANT", "acme"), ("EXAMPLE_TENANT", "acme")]);
    assert_eq!(preset.from_environment(both).expect("settings"), settings(&[("tenant", "acme")]));
    let apart = variables(&[("OLD_TENANT", "acme"), ("EXAMPLE_TENANT", "other")]);
    let error = preset.from_environment(apart).expect_err("a disagreement");
    assert!(error.message().contains("EXAMPLE_TENANT and OLD_TENANT"), "{error}");
}

#[test]
fn a_slash_at_the_end_of_an_address_does_not_double() {
    let url = "https://auth.example/";
    let given = settings(&[("url", url), ("client-id", "cli")]);
    let authgate = Preset::named("authgate", None).expect("a preset");
    let latch = Latch::of(&authgate, &given).expect("a client").build().expect("a client");
    assert_eq!(latch.issuer(), Some("https://auth.example"));
}

#[test]
fn an_unknown_entry_is_named() {
    refused("about = \"x\"\nclientt = 1", "clientt");
    refused("about = \"x\"\n[client]\nisuer = \"https://x\"", "isuer");
    refused("about = \"x\"\n[settings.a]\nabout = \"a\"\ndefalt = \"b\"", "defalt");
    refused("about = \"x\"\n[client]\nissuer = \"https://{tenant}\"", "{tenant}");
    refused("about = \"x\"\n[client]\nissuer = \"https://{tenant\"", "without its }");
    refused("about = \"x\"\n[login]\nredirect-host = \"example.com\"", "example.com");
    refused("[client]", "about");
    refused("about = ", "");
}

#[test]
fn a_users_file_adds_or_replaces_a_preset() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("acme.toml"), TEXT).expect("a file");
    fs::write(folder.path().join("okta.toml"), TEXT).expect("a file");
    let names = Preset::names(Some(folder.path()));
    assert!(names.contains(&"acme".to_owned()) && names.contains(&"stytch".to_owned()));
    assert_eq!(names.iter().filter(|name| *name == "okta").count(), 1);
    for name in ["acme", "okta"] {
        let preset = Preset::named(name, Some(folder.path())).expect("a preset");
        assert_eq!(preset.about(), "Example");
    }
    let error = Preset::named("acme", None).err().expect("a refusal");
    assert!(error.remedy().starts_with("use one of auth0, authgate"), "{error}");
    for name in ["../okta", "okta.toml", ""] {
        assert!(Preset::named(name, Some(folder.path())).is_err(), "{name}");
    }
}

//! The conformance kit: every transcript in it is what the component says today,
//! and what the real loop makes of the same surroundings.

mod by_hand;
mod cast;
mod kit;
mod scenes;
mod scripted;
mod systems;

use latchstring::Transcript;

use scenes::Scene;
use scripted::Script;

/// Makes the kit anew: for whoever has changed on purpose what the component says.
///
/// Takes two fixed ports, which are written down in the files.
#[test]
#[ignore = "writes files; run it with: ./dev kit"]
fn the_kit_is_made_anew() {
    for (name, record) in all() {
        let transcript = Transcript::of(&record());
        let transcript = transcript.unwrap_or_else(|error| panic!("{name}: {error}"));
        let transcript = transcript.unwrap_or_else(|| panic!("{name}: no session"));
        assert!(transcript.note().is_none(), "{name} is {:?}", transcript.note());
        kit::write(name, &transcript.to_json().expect("JSON"));
    }
}

#[test]
fn the_component_answers_every_reply_as_the_kit_says() {
    for (name, text) in kit::files() {
        let transcript = Transcript::parse(text.as_bytes()).expect("a transcript");
        let replay = transcript.replay().expect("a replay");
        assert_eq!(replay.difference, None, "{name}: {}", kit::ADVICE);
        assert_eq!(transcript.to_json().expect("JSON"), text, "{name} is not in canonical form");
    }
}

#[test]
fn the_loop_gives_the_replies_of_the_kit_by_itself() {
    let files = kit::files();
    let scripts = files.iter().filter_map(|(name, text)| Some((name, text, Script::read(text)?)));
    let mut count = 0;
    for (name, text, script) in scripts {
        let transcript = Transcript::of(&script.run()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let transcript = transcript.unwrap_or_else(|| panic!("{name}: no session"));
        let found = transcript.to_json().expect("JSON");
        let mut lines = found.lines().zip(text.lines());
        // Another component may say the same.
        let difference =
            lines.find(|(found, told)| found != told && !told.starts_with("  \"component\": "));
        assert_eq!(difference, None, "{name}: {}", kit::ADVICE);
        assert_eq!(found.lines().count(), text.lines().count(), "{name}: {}", kit::ADVICE);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_kit_shows_every_scene_and_nothing_else() {
    let files: Vec<String> = kit::files().into_iter().map(|(name, _)| name).collect();
    let mut scenes: Vec<&str> = all().map(|(name, _)| name).collect();
    scenes.sort_unstable();
    assert_eq!(files, scenes, "{}", kit::ADVICE);
}

fn all() -> impl Iterator<Item = Scene> {
    scenes::SCENES.into_iter().chain(systems::SCENES).chain(by_hand::SCENES)
}

//! The embedded component, as anyone may check it.

mod support;

use std::fs;

use latchstring::sandbox::COMPONENT;
use sha2::{Digest as _, Sha256};
use wasmparser::{Encoding, Parser, Payload, Validator};

use support::Home;

const LARGEST: usize = 1000 * 1024;

#[test]
fn what_is_shown_is_what_is_written_out_and_what_runs() {
    let home = Home::new();
    let file = home.path("login.wasm");
    let path = file.to_str().expect("a path");
    home.latch(&["component", "--output", path]).succeeded();
    let written = fs::read(&file).expect("the component");
    assert!(written == COMPONENT);
    let digest: String = Sha256::digest(&written).iter().map(|b| format!("{b:02x}")).collect();

    let shown = home.latch(&["component"]).succeeded().stdout;
    for part in [digest.as_str(), "latchstring:login/flow@0.1.0", "imports  none"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let shown = home.latch(&["component", "--json"]).succeeded().json();
    assert_eq!(shown["sha256"], digest);
    assert_eq!(shown["bytes"], written.len());
    assert_eq!(shown["exports"], serde_json::json!(["latchstring:login/flow@0.1.0"]));
    assert_eq!(shown["imports"], serde_json::json!([]));
}

#[test]
fn it_imports_nothing_and_exports_one_interface() {
    Validator::new().validate_all(COMPONENT).expect("a valid component");
    let (mut depth, mut imports, mut exports) = (0, Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(COMPONENT) {
        match payload.expect("a readable component") {
            Payload::Version { encoding, .. } => {
                depth += 1;
                assert!(depth > 1 || encoding == Encoding::Component);
            }
            Payload::End(_) => depth -= 1,
            // What lies deeper is the component's own business: only its
            // outermost level meets the host.
            Payload::ComponentImportSection(section) if depth == 1 => {
                imports.extend(section.into_iter().map(|import| import.expect("one").name.name));
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                exports.extend(section.into_iter().map(|export| export.expect("one").name.name));
            }
            _ => {}
        }
    }
    assert_eq!(imports, Vec::<&str>::new());
    assert_eq!(exports, ["latchstring:login/flow@0.1.0"]);
}

#[test]
fn it_is_small() {
    assert!(COMPONENT.len() <= LARGEST, "{} bytes", COMPONENT.len());
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let home = Home::new();
    let path = home.path("missing").join("login.wasm");
    let path = path.to_str().expect("a path");
    home.latch(&["component", "--output", path]).failed(1, "host-fault").saying(&[path]);
}

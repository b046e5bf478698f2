//! The embedded components, as anyone may check them.

use std::fs;

use latchstring::component;
use latchstring_testing::Home;
use sha2::{Digest as _, Sha256};
use wasmparser::{Encoding, Parser, Payload, Validator};

/// A component of this program.
struct Embedded {
    /// The arguments that show it.
    arguments: &'static [&'static str],
    component: &'static [u8],
    export: &'static str,
    largest: usize,
}

const EMBEDDED: [Embedded; 2] = [
    Embedded {
        arguments: &["component"],
        component: component::LOGIN,
        export: "latchstring:login/flow@0.3.0",
        largest: 1000 * 1024,
    },
    Embedded {
        arguments: &["component", "--rules"],
        component: component::RULES,
        export: "latchstring:rules/host@0.2.0",
        largest: 250 * 1024,
    },
];

#[test]
fn what_is_shown_is_what_is_written_out_and_what_runs() {
    for Embedded { arguments, component, export, .. } in EMBEDDED {
        let home = Home::new();
        let file = home.path("written.wasm");
        let path = file.to_str().expect("a path");
        home.latch(&[arguments, &["--output", path]].concat()).succeeded();
        let written = fs::read(&file).expect("the component");
        assert!(written == component);
        let digest: String = Sha256::digest(&written).iter().map(|b| format!("{b:02x}")).collect();

        let shown = home.latch(arguments).succeeded().stdout;
        for part in [digest.as_str(), export, "imports  none"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let shown = home.latch(&[arguments, &["--json"]].concat()).succeeded().json();
        assert_eq!(shown["sha256"], digest);
        assert_eq!(shown["bytes"], written.len());
        assert_eq!(shown["exports"], serde_json::json!([export]));
        assert_eq!(shown["imports"], serde_json::json!([]));
    }
}

#[test]
fn each_imports_nothing_and_exports_one_interface() {
    for Embedded { component, export, .. } in EMBEDDED {
        Validator::new().validate_all(component).expect("a valid component");
        let (mut depth, mut imports, mut exports) = (0, Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(component) {
            match payload.expect("a readable component") {
                Payload::Version { encoding, .. } => {
                    depth += 1;
                    assert!(depth > 1 || encoding == Encoding::Component);
                }
                Payload::End(_) => depth -= 1,
                // What lies deeper is the component's own business: only its
                // outermost level meets the host.
                Payload::ComponentImportSection(section) if depth == 1 => {
                    imports
                        .extend(section.into_iter().map(|import| import.expect("one").name.name));
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    exports
                        .extend(section.into_iter().map(|export| export.expect("one").name.name));
                }
                _ => {}
            }
        }
        assert_eq!(imports, Vec::<&str>::new());
        assert_eq!(exports, [export]);
    }
}

#[test]
fn each_is_small() {
    for Embedded { component, export, largest, .. } in EMBEDDED {
        assert!(component.len() <= largest, "{export}: {} bytes", component.len());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let home = Home::new();
    let path = home.path("missing").join("login.wasm");
    let path = path.to_str().expect("a path");
    home.latch(&["component", "--output", path]).failed(1, "host-fault").saying(&[path]);
}

//! A bill of materials (CycloneDX) without what is not built in.
//!
//! The tool that writes it takes every feature that anything in the workspace asks
//! for, build tools too: it would name a compiler that the program does not have.

use std::collections::BTreeSet;

use serde_json::Value;

/// Leaves the parts whose name and version `built_in` has, each a line of
/// `cargo tree` such as `url v2.5.4`, and the dependencies among them.
pub fn keep(bill: &mut Value, built_in: &str) {
    let built_in: BTreeSet<(&str, &str)> = built_in.lines().filter_map(name_and_version).collect();
    let is_kept = |part: &Value| {
        let text = |name: &str| part[name].as_str().unwrap_or_default();
        built_in.contains(&(text("name"), text("version")))
    };
    retain(&mut bill["components"], is_kept);

    let whole = &bill["metadata"]["component"]["bom-ref"];
    let parts = bill["components"].as_array().into_iter().flatten();
    let references = parts.map(|part| &part["bom-ref"]).chain([whole]);
    let references: BTreeSet<String> =
        references.filter_map(Value::as_str).map(str::to_owned).collect();
    let is_left = |reference: &Value| reference.as_str().is_some_and(|it| references.contains(it));
    retain(&mut bill["dependencies"], |dependency| is_left(&dependency["ref"]));
    for dependency in bill["dependencies"].as_array_mut().into_iter().flatten() {
        if dependency.get("dependsOn").is_some() {
            retain(&mut dependency["dependsOn"], is_left);
        }
    }
}

fn retain(list: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(items) = list.as_array_mut() {
        items.retain(keep);
    }
}

fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_built_in_is_named_nowhere() {
        let part = |name: &str, version: &str| json!({ "bom-ref": format!("{name}@{version}"), "name": name, "version": version });
        let mut bill = json!({
            "metadata": { "component": part("latch", "1.0.0") },
            "components": [part("url", "2.5.4"), part("url", "1.0.0"), part("compiler", "3.0.0")],
            "dependencies": [
                { "ref": "latch@1.0.0", "dependsOn": ["url@2.5.4", "compiler@3.0.0"] },
                { "ref": "compiler@3.0.0", "dependsOn": ["url@1.0.0"] },
                { "ref": "url@2.5.4" },
            ],
        });
        keep(
            &mut bill,
            "latch v1.0.0 (/somewhere)\nurl v2.5.4\nserde_derive v1.0.0 (proc-macro)\n",
        );
        assert_eq!(bill["components"], json!([part("url", "2.5.4")]));
        assert_eq!(
            bill["dependencies"],
            json!([{ "ref": "latch@1.0.0", "dependsOn": ["url@2.5.4"] }, { "ref": "url@2.5.4" }])
        );
    }
}

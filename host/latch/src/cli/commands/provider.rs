//! `latch provider`: presets for known providers.

use latchstring::{Error, Preset, printable};
use serde_json::json;

use crate::cli::args::{Global, ProviderCommand};
use crate::cli::style::{HEADING, paint};
use crate::cli::table::Table;
use crate::cli::{output, presets};

pub(crate) fn run(global: &Global, command: &ProviderCommand) -> Result<(), Error> {
    let folder = presets::folder(global)?;
    match command {
        ProviderCommand::List => {
            let presets: Vec<Preset> = Preset::names(Some(&folder))
                .iter()
                .map(|name| Preset::named(name, Some(&folder)))
                .collect::<Result<_, _>>()?;
            if global.json {
                let list = presets.iter().map(|preset| (preset.name(), preset.about()));
                return output::document(&list.collect());
            }
            let table = Table::for_stdout();
            let about: Vec<_> = presets.iter().map(|preset| printable(preset.about())).collect();
            let names = presets.iter().map(Preset::name);
            output::text(&table.list(names.zip(about.iter().map(String::as_str))))
        }
        ProviderCommand::Show { name } => {
            let preset = Preset::named(name, Some(&folder))?;
            if global.json {
                return output::document(&in_json(&preset));
            }
            explain(&preset, &folder.join(format!("{name}.toml")).display().to_string());
            output::write(preset.text().as_bytes())
        }
    }
}

/// Explains the preset on standard error; its file goes to standard output.
fn explain(preset: &Preset, place: &str) {
    let table = Table::for_stderr();
    output::say(&paint(HEADING, format_args!("{}: {}", preset.name(), preset.about())));
    for note in preset.notes() {
        output::say(&table.whole("  ", note));
    }
    output::say(&paint(HEADING, "Settings:"));
    for (name, setting) in preset.settings() {
        let default = setting.default.iter().map(|value| format!(" [default: {value}]"));
        let optional = setting.optional.then(|| " [optional]".to_owned());
        let variables = match setting.environment.as_slice() {
            [] => None,
            variables => Some(format!(" [env: {}]", variables.join(", "))),
        };
        let more: String = default.chain(optional).chain(variables).collect();
        let term = format!("  {name}: ");
        output::say(&table.whole(&term, &format!("{}{more}", setting.about)));
    }
    let needed = preset.settings().iter().filter(|(_, setting)| setting.is_needed());
    let words: String = needed.map(|(name, _)| format!(" --set {name}=...")).collect();
    let how = match preset.is_unattended() {
        true => "Get a token with: latch token",
        false => "Log in with: latch login",
    };
    output::say(&format!("{how} --provider {}{words}", preset.name()));
    output::say(&format!("The file of the preset follows; to change it, save a copy as {place}"));
}

fn in_json(preset: &Preset) -> serde_json::Value {
    let settings = preset.settings().iter().map(|(name, setting)| {
        let about = json!({
            "about": setting.about,
            "environment": setting.environment,
            "default": setting.default,
            "needed": setting.is_needed(),
            "one_of": setting.one_of,
        });
        (name.clone(), about)
    });
    json!({
        "name": preset.name(),
        "about": preset.about(),
        "notes": preset.notes(),
        "settings": settings.collect::<serde_json::Map<_, _>>(),
        "file": preset.text(),
    })
}

//! `latch doctor`: what latch finds on this machine, and what follows from it.

mod keys;
mod workload;

use std::sync::Arc;

use latchstring::capability::store::{Key, MemoryStore};
use latchstring::capability::terminal::StderrTerminal;
use latchstring::{Error, Latch, LoginFlow, code_name, printable};
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::stores::{self, StoreChoice, Stores};
use crate::cli::style::{PLAIN, QUIET, WARNING, paint};
use crate::cli::table::Table;

/// The result of one check.
struct Finding {
    subject: &'static str,
    text: String,
    trouble: Option<Error>,
}

pub(crate) async fn run(global: &Global) -> Result<(), Error> {
    let findings = findings(global).await?;
    if global.json {
        return output::document(&Value::Array(findings.iter().map(in_json).collect()));
    }
    let table = Table::for_stdout();
    let lines: String = findings.iter().map(|finding| in_words(finding, &table)).collect();
    output::text(&lines)
}

async fn findings(global: &Global) -> Result<Vec<Finding>, Error> {
    latchstring::check_profile(&global.profile)?;
    let config = Config::read(global.config_dir.as_deref())?;
    let profile = config.profile(&global.profile)?;
    let saved = profile.clone().unwrap_or_default();
    let stores = Stores::open(global, &saved)?;
    // No session has this key, so that probing a store touches none.
    let key = Key { profile: global.profile.clone(), account: "doctor".to_owned() };
    let settings = match &profile {
        Some(_) => format!("{} has the profile {}", config.path().display(), global.profile),
        None => format!("{} has no profile {}", config.path().display(), global.profile),
    };
    let keyring = probe("keyring", &stores, &StoreChoice::Keyring, &key).await;
    let uses_files = stores.choice == StoreChoice::File
        || stores.choice == StoreChoice::Auto && keyring.trouble.is_some();
    let mut findings = vec![
        found("version", env!("CARGO_PKG_VERSION").to_owned()),
        found("settings", settings),
        probe("file", &stores, &StoreChoice::File, &key).await,
        keyring,
        #[cfg(target_os = "linux")]
        probe("kernel", &stores, &StoreChoice::Kernel, &key).await,
    ];
    if let StoreChoice::Shared(address) = &stores.choice {
        findings.push(probe(address.engine_name(), &stores, &stores.choice, &key).await);
    }
    findings.extend(login(global)?);
    findings.extend(workload::found().into_iter().map(|line| found("workload", line)));
    findings.extend(keys::findings(global, &saved).await);
    let chosen = stores.choice.name();
    let why = match (&global.store, &saved.store) {
        (Some(_), _) => "as set by --store or LATCH_STORE",
        (None, Some(_)) => "as remembered in the profile",
        (None, None) => "the default: the keyring if it answers, otherwise a file",
    };
    findings.push(found("store", format!("{chosen}, {why}")));
    findings.push(match stores::encryption_name(global, &saved) {
        Some(name) => found("encryption", format!("files are encrypted with {name}")),
        None => {
            let advice = uses_files.then(|| format!(". {}", stores::better_than_a_plain_file()));
            let text = "files are not encrypted; only you can read them";
            found("encryption", format!("{text}{}", advice.unwrap_or_default()))
        }
    });
    let mut sessions = stores.keys().await?;
    sessions.retain(|key| key.profile == global.profile);
    for key in &sessions {
        for choice in stores.holding(key).await? {
            findings.push(session(&stores, &choice, key).await);
        }
    }
    if sessions.is_empty() {
        findings.push(found("session", "this profile is not logged in".to_owned()));
    }
    for (text, trouble) in super::credential::install::findings(global)? {
        findings.push(Finding { subject: "helper", text, trouble });
    }
    Ok(findings)
}

/// Reports which flow a login would choose. The provider is not asked whether it supports
/// device login.
fn login(global: &Global) -> Result<Vec<Finding>, Error> {
    // Any client will do: the choice depends on the machine.
    let latch = Latch::builder("https://doctor.invalid", "doctor")
        .shared_store(Arc::new(MemoryStore::default()))
        .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
        .build()?;
    let (facts, choice) = latch.flow_choice()?;
    let signs = [
        (facts.terminal, "a terminal"),
        (facts.unattended, "an automated job"),
        (facts.display, "a display"),
        (facts.remote_shell, "a remote shell"),
        (facts.windows_interop, "Linux on Windows (WSL)"),
        (facts.container, "a container"),
        (facts.editor_terminal, "an editor's remote terminal"),
    ];
    let signs: Vec<&str> = signs.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    let machine = if signs.is_empty() { "nothing special".to_owned() } else { signs.join(", ") };
    let flow = match choice.flow {
        Some(LoginFlow::Browser) => "browser",
        Some(LoginFlow::Paste) => "paste (device if the provider supports it)",
        Some(LoginFlow::Device) => "device",
        None => "none",
    };
    Ok(vec![found("machine", machine), found("flow", format!("{flow}: {}", choice.reason))])
}

/// Reports where a session is, and if the kernel has forgotten it, which is no trouble of the
/// store.
async fn session(stores: &Stores, choice: &StoreChoice, key: &Key) -> Finding {
    let place = stores.get(choice).place(key);
    match stores.is_forgotten(choice, key).await {
        true => found("session", format!("gone from {place}; log in again")),
        false => found("session", place),
    }
}

fn found(subject: &'static str, text: String) -> Finding {
    Finding { subject, text, trouble: None }
}

async fn probe(subject: &'static str, stores: &Stores, choice: &StoreChoice, key: &Key) -> Finding {
    let store = stores.get(choice);
    match store.probe(key).await {
        Ok(_) => {
            let place = match choice {
                StoreChoice::File => stores.folder.display().to_string(),
                _ => store.place(key),
            };
            found(subject, format!("can be used ({place})"))
        }
        Err(error) => Finding {
            subject,
            text: format!("cannot be used: {} [{}]", error.message(), code_name(error.code())),
            trouble: Some(error),
        },
    }
}

fn in_words(Finding { subject, text, trouble }: &Finding, table: &Table) -> String {
    let term = paint(QUIET, format_args!("{subject:<10} "));
    let style = if trouble.is_some() { WARNING } else { PLAIN };
    let mut lines = table.whole(&term, &paint(style, printable(text))) + "\n";
    if let Some(trouble) = trouble {
        lines += &table.whole("           ", &printable(trouble.remedy()));
        lines.push('\n');
    }
    lines
}

fn in_json(finding: &Finding) -> Value {
    json!({
        "subject": finding.subject,
        "text": finding.text,
        "error": finding.trouble.as_ref().map(output::ErrorReport::from),
    })
}

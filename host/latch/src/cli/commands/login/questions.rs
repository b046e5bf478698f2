//! What `latch login` asks on a terminal: which provider, and what a login there needs.

use std::env;

use latchstring::capability::loopback::RedirectHost;
use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::{Code, Error, Preset, Setting, Settings, printable, words};

use crate::cli::args::{Global, url_of_host};
use crate::cli::choices::Flow;
use crate::cli::profile::Profile;
use crate::cli::{issuer, output, presets};

/// What a provider is asked for if the user names no scopes.
const SCOPES: &str = "openid offline_access";

/// A terminal with a user who can be asked.
pub(super) struct Questions(StderrTerminal);

impl Questions {
    /// Returns `None` in scripts: without a terminal, with `--json`, and in CI systems, which
    /// may provide a terminal but no user.
    pub(super) fn may_be_asked(global: &Global) -> Option<Self> {
        let terminal = StderrTerminal::new(global.verbose).plain(global.plain);
        let is_script = global.json || env::var_os("CI").is_some_and(|value| !value.is_empty());
        (terminal.is_attended() && !is_script).then_some(Self(terminal))
    }

    /// Asks which provider, and returns the settings of a login there.
    pub(super) async fn provider(
        &self,
        global: &Global,
        given: &Profile,
    ) -> Result<Profile, Error> {
        let folder = presets::folder(global)?;
        let presets: Vec<Preset> = Preset::names(Some(&folder))
            .iter()
            .filter_map(|name| Preset::named(name, Some(&folder)).ok())
            .filter(|preset| !preset.is_unattended())
            .collect();
        output::say("No provider is set yet. Where do you log in?\n");
        for (number, preset) in (1..).zip(&presets) {
            let about = printable(preset.about());
            output::say(&format!("  {number:>2}  {:<10} {about}", preset.name()));
        }
        loop {
            let answer = self
                .line("\nA number or a name from the list, or the URL of another provider or API:")
                .await?;
            let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let chosen = number
                .and_then(|number| presets.get(number))
                .or_else(|| presets.iter().find(|preset| preset.name() == answer));
            if let Some(preset) = chosen {
                return self.preset(preset, given).await;
            }
            let Ok(url) = url_of_host(&answer) else {
                output::say(&format!("There is no {} in the list.", printable(&answer)));
                continue;
            };
            match issuer::at(&url, given).await {
                Ok(Some(issuer)) => return self.client_at(issuer, given).await,
                Ok(None) => return Ok(Profile { resource_url: Some(url), ..given.clone() }),
                Err(error) => output::say(&format!("{}; {}.", error.message(), error.remedy())),
            }
        }
    }

    async fn preset(&self, preset: &Preset, given: &Profile) -> Result<Profile, Error> {
        for note in preset.notes() {
            output::say(&printable(note));
        }
        let mut set = Settings::new();
        for (name, setting) in preset.settings() {
            if setting.is_needed() && !is_in_environment(setting) {
                set.insert(name.clone(), self.setting(name, setting).await?);
            }
        }
        let set = Some(set).filter(|set| !set.is_empty());
        Ok(Profile { provider: Some(preset.name().to_owned()), set, ..given.clone() })
    }

    async fn setting(&self, name: &str, setting: &Setting) -> Result<String, Error> {
        let choice = match setting.one_of.is_empty() {
            true => String::new(),
            false => format!(" ({})", setting.one_of.join(", ")),
        };
        loop {
            let about = printable(&setting.about);
            let answer = self.line(&format!("{name}: {about}{choice}")).await?;
            if setting.one_of.is_empty() || setting.one_of.contains(&answer) {
                return Ok(answer);
            }
            output::say("That is none of them.");
        }
    }

    /// Asks for the client at a provider, and for the scopes.
    pub(super) async fn client_at(
        &self,
        issuer: String,
        given: &Profile,
    ) -> Result<Profile, Error> {
        let client_id = match &given.client_id {
            Some(client_id) => client_id.clone(),
            None => self.line("The client ID, as registered there:").await?,
        };
        let scopes = match &given.scopes {
            Some(scopes) => scopes.clone(),
            None => {
                let answer = self.optional(&format!("Scopes [{SCOPES}]:")).await?;
                let scopes = if answer.is_empty() { SCOPES } else { &answer };
                scopes.split_whitespace().map(str::to_owned).collect()
            }
        };
        let (issuer, client_id, scopes) = (Some(issuer), Some(client_id), Some(scopes));
        Ok(Profile { issuer, client_id, scopes, resource_url: None, ..given.clone() })
    }

    /// Says which redirect URI to register at the provider, and waits until that is done.
    pub(super) async fn registration(&self, settings: &Profile) -> Result<(), Error> {
        if settings.resource_url.is_some() || settings.flow == Some(Flow::Device) {
            return Ok(());
        }
        // The notes of a preset name the redirect URI that it uses.
        if settings.provider.is_some() {
            let done = self.optional("Press Enter when the client is registered.").await;
            return done.map(drop);
        }
        let host =
            settings.redirect_host.map_or("127.0.0.1", |host| RedirectHost::from(host).name());
        let path = settings.redirect_path.as_deref().unwrap_or("/callback");
        let (port, about) = match settings.ports.as_deref() {
            Some([port, ..]) => (format!(":{port}"), ""),
            _ => (String::new(), " with any port; if it wants a fixed one, use --port"),
        };
        output::say(&format!(
            "The provider must know this redirect URI of a native (public) client{about}:\n\n  \
             http://{host}{port}{path}\n"
        ));
        self.optional("Press Enter when it is registered.").await.map(drop)
    }

    /// Returns what the user types, which is not empty.
    async fn line(&self, question: &str) -> Result<String, Error> {
        loop {
            let answer = self.optional(question).await?;
            if !answer.is_empty() {
                return Ok(answer);
            }
        }
    }

    async fn optional(&self, question: &str) -> Result<String, Error> {
        let answer = self.0.ask_line(question).await;
        answer.map(|answer| answer.trim().to_owned()).ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "the questions were not answered",
                "pass --provider NAME, or --issuer URL and --client-id ID",
            )
        })
    }
}

fn is_in_environment(setting: &Setting) -> bool {
    let is_set = |name: &String| env::var_os(name).is_some_and(|value| !value.is_empty());
    setting.environment.iter().any(is_set)
}

/// Returns the command that does without questions what was asked for.
pub(super) fn command(asked: &Profile, given: &Profile) -> Option<String> {
    let mut line = vec!["latch".to_owned(), "login".to_owned()];
    let mut flag = |name: &str, value: &str| line.extend([name.to_owned(), value.to_owned()]);
    for (name, value) in [("--provider", &asked.provider), ("--issuer", &asked.issuer)] {
        value.iter().for_each(|value| flag(name, value));
    }
    for (key, value) in asked.set.iter().flatten() {
        flag("--set", &format!("{key}={value}"));
    }
    if given.client_id.is_none() {
        asked.client_id.iter().for_each(|id| flag("--client-id", id));
    }
    if given.scopes.is_none() {
        asked.scopes.iter().flatten().for_each(|scope| flag("--scope", scope));
    }
    line.extend(asked.resource_url.clone());
    words::join(line.iter().map(String::as_str))
}

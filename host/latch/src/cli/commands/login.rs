//! `latch login`: log in through a browser.

#[cfg(not(target_os = "wasi"))]
mod questions;

use std::io::stderr;

use latchstring::{Code, Description, Error, Latch, LatchBuilder, printable};
use serde_json::json;

#[cfg(not(target_os = "wasi"))]
use questions::Questions;

use crate::cli::args::{ByUrlArgs, Global, LoginCommand};
use crate::cli::config::{self, Config};
#[cfg(not(target_os = "wasi"))]
use crate::cli::issuer;
use crate::cli::keys;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::settings::Settings;
use crate::cli::stores::{self, StoreChoice, Stores};
use crate::cli::style::{GOOD, paint};
use crate::cli::times::Now;

#[cfg(not(target_os = "wasi"))]
pub(crate) async fn run(global: &Global, args: Box<LoginCommand>) -> Result<(), Error> {
    let questions = Questions::may_be_asked(global);
    let given = args.given();
    if let Some(questions) = &questions
        && !Settings::read_to_change(global, given.clone())?.effective.names_provider()
    {
        let asked = questions.provider(global, &given).await?;
        questions.registration(&Settings::read_to_change(global, asked.clone())?.effective).await?;
        log_in(global, &args, asked.clone()).await?;
        if let Some(line) = questions::command(&asked, &given) {
            output::say(&format!("The same without questions: {line}"));
        }
        return Ok(());
    }
    match log_in(global, &args, given.clone()).await {
        Err(error) if error.code() == Code::InvalidMetadata && given.issuer.is_none() => {
            let Some(provider) = at_provider(questions, given).await? else { return Err(error) };
            log_in(global, &args, provider).await
        }
        done => done,
    }
}

/// Returns the settings of a login at the provider that the URL is itself, or `None` if it is
/// none.
#[cfg(not(target_os = "wasi"))]
async fn at_provider(
    questions: Option<Questions>,
    given: Profile,
) -> Result<Option<Profile>, Error> {
    let Some(url) = &given.resource_url else { return Ok(None) };
    let Some(issuer) = issuer::at(url, &given).await? else { return Ok(None) };
    output::say(&format!("{} is a provider itself: you log in there", printable(&issuer)));
    match (&given.client_id, questions) {
        (None, Some(questions)) => questions.client_at(issuer, &given).await.map(Some),
        (None, None) => Err(Error::new(
            Code::InvalidConfiguration,
            format!("no client ID is set for {}", printable(&issuer)),
            "pass --client-id ID, as registered at the provider",
        )),
        (Some(_), _) => Ok(Some(Profile { issuer: Some(issuer), resource_url: None, ..given })),
    }
}

#[cfg(target_os = "wasi")]
pub(crate) async fn run(global: &Global, args: Box<LoginCommand>) -> Result<(), Error> {
    let given = args.given();
    log_in(global, &args, given).await
}

impl LoginCommand {
    /// Returns what the command line and the environment say.
    fn given(&self) -> Profile {
        let given = self.login.clone().into_profile();
        let resource_url = self.url.clone().or(given.resource_url);
        Profile { resource_url, ..given }
    }
}

async fn log_in(global: &Global, args: &LoginCommand, given: Profile) -> Result<(), Error> {
    let LoginCommand { challenge, by_url, anonymous_token_file, .. } = args;
    let mut settings = Settings::read_to_change(global, given)?;
    settings.report_dotenv();
    keys::may_ask();
    let prepare = |settings: &Settings| {
        let pages = settings.pages()?;
        let open_browser = settings.effective.no_browser != Some(true);
        stores::make_key_file(global)?;
        let builder = settings.builder(global, open_browser).map_err(as_invalid_configuration)?;
        let mut builder = builder.pages(pages);
        if let Some(token) = settings.anonymous_refresh_token(anonymous_token_file.as_deref())? {
            builder = builder.anonymous_refresh_token(token.as_str());
        }
        by_url.clone().apply(settings, builder)?.build()
    };
    let log_in = async |latch: &Latch| match challenge {
        Some(challenge) => latch.login_for(challenge).await,
        None => latch.login().await,
    };
    let mut latch = prepare(&settings)?;
    let mut result = log_in(&latch).await;
    // The user has seen nothing yet.
    if result.as_ref().is_err_and(|error| error.code() == Code::BoundTokenRequired) {
        output::say("This server takes only tokens that are bound to a key: one is made");
        settings = settings.bound();
        latch = prepare(&settings)?;
        result = log_in(&latch).await;
    }
    if result.is_err() {
        keys::forget(global, &settings.effective, latch.key()).await?;
    }
    let token = result?;
    let refused = token.refused_parameters();
    let (store, is_remembered) = keep(global, &settings, &latch, refused).await?;
    let description = latch.status().await?;
    let who = description.as_ref().and_then(who);
    if global.json {
        return output::document(&json!({
            "profile": global.profile,
            "issuer": description.as_ref().and_then(|d| d.issuer.clone()),
            "client_id": description.as_ref().map(|d| d.client_id.clone()),
            "resource": description.as_ref().and_then(|d| d.resource.clone()),
            "subject": description.as_ref().and_then(|d| d.subject.clone()),
            "name": description.as_ref().and_then(|d| d.display_name.clone()),
            "scopes": token.scopes(),
            "authorization_details": output::embedded(token.authorization_details()),
            "expires_at": token.expires_at().and_then(output::rfc3339),
            "renewable": token.renew_at().is_some(),
            "store": store.name(),
            "place": latch.place(),
        }));
    }
    let resource = description.as_ref().and_then(|description| description.resource.as_deref());
    let is_renewable = token.renew_at().is_some();
    let end_ms = description.as_ref().and_then(|description| description.expires_at_ms);
    // The scopes of a login by URL are the server's choice.
    if !is_renewable && end_ms.is_some() && resource.is_none() {
        output::say("The provider gave no refresh token; --scope offline_access may change that");
    }
    if let Some(url) = resource
        && !is_remembered
    {
        output::say(&format!("Get its token with: latch token --resource-url {}", printable(url)));
    }
    if is_remembered {
        let path = config::path_in(global.config_dir.as_deref())?;
        output::say(&format!(
            "The profile {} in {} remembers this provider",
            global.profile,
            path.display()
        ));
    }
    let greeting = match who {
        Some(who) => format!("Logged in as {}", printable(&who)),
        None => "Logged in".to_owned(),
    };
    let until = match end_ms {
        _ if is_renewable => ", and its token is refreshed when needed".to_owned(),
        Some(end_ms) => format!(", and its token expires {}", Now::on(&stderr()).describe(end_ms)),
        None => String::new(),
    };
    let place = latch.place();
    let place = stores::in_short(&store, &place);
    output::say(&format!("{}; the session is in {place}{until}", paint(GOOD, greeting)));
    Ok(())
}

impl ByUrlArgs {
    /// Adds what these arguments say about a login by URL.
    pub(super) fn apply(
        self,
        settings: &Settings,
        mut builder: LatchBuilder,
    ) -> Result<LatchBuilder, Error> {
        if let Some(host) = self.accept_issuer {
            builder = builder.accept_issuer(host);
        }
        let file = self.initial_access_token_file.as_deref();
        if let Some(token) = settings.initial_access_token(file)? {
            builder = builder.initial_access_token(token.as_str());
        }
        Ok(builder.register_anew(self.register))
    }
}

/// Updates the profile after the session was stored. Returns the store that the session is
/// in, and whether the profile changed.
pub(super) async fn keep(
    global: &Global,
    settings: &Settings,
    latch: &Latch,
    refused_parameters: &[String],
) -> Result<(StoreChoice, bool), Error> {
    let store = delete_elsewhere(&settings.stores(global)?, latch).await?;
    let remembered = settings.to_remember(global, &store, refused_parameters);
    if let Some(profile) = &remembered {
        let folder = global.config_dir.as_deref();
        Config::change(folder, |config| config.set(&global.profile, profile)).await?;
    }
    Ok((store, remembered.is_some()))
}

/// Returns the store that the session is in, and deletes from the other stores what an
/// earlier login left there: a later command could use it by mistake.
async fn delete_elsewhere(stores: &Stores, latch: &Latch) -> Result<StoreChoice, Error> {
    let key = latch.key();
    let place = latch.place();
    let holding = stores.holding(key).await?;
    let mut kept = stores.choice.clone();
    for choice in holding {
        let store = stores.get(&choice);
        if store.place(key) == place {
            kept = choice;
        } else {
            store.delete(&store.lock(key).await?).await?;
        }
    }
    Ok(kept)
}

/// Replaces the advice to log in, which is no help during a login.
fn as_invalid_configuration(error: Error) -> Error {
    if error.code() != Code::LoginRequired {
        return error;
    }
    Error::new(
        Code::InvalidConfiguration,
        error.message(),
        "pass --provider NAME, or --issuer URL and --client-id ID",
    )
}

/// Returns what to call the user: the name, or else the subject.
pub(crate) fn who(description: &Description) -> Option<String> {
    description.display_name.clone().or_else(|| description.subject.clone())
}

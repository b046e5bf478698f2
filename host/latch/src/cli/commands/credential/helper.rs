//! What every protocol needs: the profile that was named for a host, and its tokens.
//!
//! A helper answers only for origins that a profile names (`--api-origin`). Programs ask it
//! about every host, public ones too, and whoever gets an answer gets the token. So an
//! origin that nobody named is not looked up any further: no session is read.

use std::io::{IsTerminal as _, Read as _, Write as _, stderr, stdin};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use latchstring::capability::terminal::Terminal;
use latchstring::{Code, Demand, Error, Latch, Token, api_origin, is_allowed, printable};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::malformed;
use crate::cli::args::Global;
use crate::cli::commands::login;
use crate::cli::config::Config;
use crate::cli::id_token::IdToken;
use crate::cli::profile::Profile;
use crate::cli::settings::Settings;

/// Time for which a token must still be valid when a program gets it.
const USABLE_FOR: Duration = Duration::from_secs(60);

/// Programs are told that a token expires this much before it does, because many use it to
/// the last second.
const MARGIN: Duration = Duration::from_secs(30);

/// User name beside a token that is sent as a password. GitLab wants this one, and most
/// others take any.
const USERNAME: &str = "oauth2";

/// Longest input of a program, in bytes.
const INPUT_BYTES: u64 = 1 << 20;

/// The profiles that may answer: the one that the user named, or all.
pub(super) struct Helper {
    pub(super) global: Global,
    /// Whom the token is for, if the user has said so.
    pub(super) given: Profile,
}

impl Helper {
    /// Returns the session for the origin of this URL, or `None` if no profile names the
    /// origin.
    ///
    /// # Errors
    ///
    /// Fails if several profiles name it, and if the settings cannot be read.
    pub(super) fn session_for(&self, url: &Url) -> Result<Option<Session>, Error> {
        let mut found = self.all_sessions()?;
        found.retain(|session| {
            let origins = session.profile.api_origins.as_deref().unwrap_or_default();
            origins.iter().any(|origin| is_allowed(origin, url))
        });
        match found.len() {
            0 => Ok(None),
            1 => Ok(found.pop()),
            _ => {
                let names: Vec<&str> = found.iter().map(Session::name).collect();
                Err(Error::new(
                    Code::InvalidConfiguration,
                    format!(
                        "several profiles are for {}: {}",
                        printable(&url.origin().ascii_serialization()),
                        names.join(", ")
                    ),
                    "name one in the helper's command with --profile",
                ))
            }
        }
    }

    /// Does the same for the text of a URL. Anything else is nobody's.
    pub(super) fn session_for_url(&self, text: &str) -> Result<Option<Session>, Error> {
        match url(text) {
            Some(url) => self.session_for(&url),
            None => Ok(None),
        }
    }

    /// Does the same for a URL, or for a host with or without a port. That means https, or
    /// http on a loopback address.
    pub(super) fn session_for_text(&self, text: &str) -> Result<Option<Session>, Error> {
        let text = text.trim();
        let texts = match text.contains("://") {
            true => vec![text.to_owned()],
            false => vec![format!("https://{text}"), format!("http://{text}")],
        };
        for text in &texts {
            if let Some(session) = self.session_for_url(text)? {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// Returns the session of the profile, for a program that names no host.
    pub(super) fn session_of_profile(&self) -> Result<Session, Error> {
        let config = Config::read(self.global.config_dir.as_deref())?;
        let name = self.global.profile.clone();
        let profile = config.profile(&name)?.unwrap_or_default();
        Ok(self.session(name, profile))
    }

    /// Returns the sessions of all profiles that may answer. A mistake in one profile does
    /// not hide the others.
    pub(super) fn all_sessions(&self) -> Result<Vec<Session>, Error> {
        let config = Config::read(self.global.config_dir.as_deref())?;
        let names = match self.global.names_profile {
            true => vec![self.global.profile.clone()],
            false => config.names(),
        };
        let sessions = names.into_iter().filter_map(|name| {
            let profile = config.profile(&name).ok().flatten()?;
            Some(self.session(name, profile))
        });
        Ok(sessions.collect())
    }

    fn session(&self, name: String, profile: Profile) -> Session {
        let global = Global { profile: name, ..self.global.clone() };
        Session { global, profile, given: self.given.clone() }
    }
}

/// The session of one profile.
pub(super) struct Session {
    pub(super) global: Global,
    pub(super) profile: Profile,
    given: Profile,
}

impl Session {
    /// Returns the profile's name.
    pub(super) fn name(&self) -> &str {
        &self.global.profile
    }

    /// Returns the user name to give beside the token: the caller's, or the profile's.
    pub(super) fn username<'a>(&'a self, given: Option<&'a str>) -> &'a str {
        given.or(self.profile.helper_username.as_deref()).unwrap_or(USERNAME)
    }

    /// Returns a token of this kind that is valid for a while. With `refused`, the
    /// fingerprint of an access token, it is one that came with another access token.
    pub(super) async fn issue(&self, kind: Kind, refused: Option<&str>) -> Result<Issued, Error> {
        if kind == Kind::Id {
            if self.given != Profile::default() {
                return Err(malformed("an ID token is for its client, and for no other audience"));
            }
            let settings = self.settings()?.for_id_token();
            let id_token = self.advised_by(settings, async |latch| {
                IdToken::get(&latch, USABLE_FOR, refused).await
            });
            let id_token = id_token.await?;
            let IdToken { text, expires_at, came_with } = id_token;
            let told_expiry = expires_at.checked_sub(MARGIN);
            return Ok(Issued { text, told_expiry, fingerprint: came_with });
        }
        let token = match refused {
            Some(refused) => {
                self.advised(async |latch| latch.token_instead_of(refused).await).await?
            }
            None => {
                let demand = Demand { min_ttl_ms: millis(USABLE_FOR), ..Demand::default() };
                self.advised(async |latch| latch.token_for(demand).await).await?
            }
        };
        match token.is_bound() {
            false => Ok(Issued::of(&token)),
            true => Err(Error::new(
                Code::InvalidConfiguration,
                "the token is bound to a key, so the program cannot use it",
                "give the program a profile without --dpop",
            )),
        }
    }

    /// Returns the access token if the stored one is valid for a while. Asks nobody.
    pub(super) async fn stored(&self) -> Option<Issued> {
        let demand = Demand { min_ttl_ms: millis(USABLE_FOR), ..Demand::default() };
        let token = self.advised(async |latch| latch.stored_token(&demand).await).await.ok()??;
        Some(Issued::of(&token))
    }

    /// Whether the profile names the origin of this URL itself, not with a wildcard.
    pub(super) fn names_in_full(&self, url: &Url) -> bool {
        let own = url.origin().ascii_serialization();
        let origins = self.profile.api_origins.iter().flatten();
        origins.filter_map(|origin| api_origin(origin).ok()).any(|origin| origin == own)
    }

    /// Returns the profile's settings. Not the `.env` of the current folder: whoever wrote it
    /// must not choose a session.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        Settings::read_without_folder(&self.global, self.given.clone())
    }

    /// Logs in. The user is at the terminal, and the program waits.
    pub(super) async fn log_in(&self) -> Result<(), Error> {
        let settings = self.settings()?;
        let opens_browser = settings.effective.no_browser != Some(true);
        let builder = settings.builder(&self.global, opens_browser)?;
        let latch = builder.pages(settings.pages()?).build()?;
        let token = latch.login().await?;
        login::keep(&self.global, &settings, &latch, token.refused_parameters()).await.map(drop)
    }

    /// Runs `act` with the profile's client. An error says how to log in.
    async fn advised<T>(
        &self,
        act: impl AsyncFnOnce(Latch) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.advised_by(self.settings()?, act).await
    }

    async fn advised_by<T>(
        &self,
        settings: Settings,
        act: impl AsyncFnOnce(Latch) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let latch = settings.builder(&self.global, false)?.terminal(Silent).build()?;
        act(latch).await.map_err(|error| settings.advise(&self.global, error))
    }
}

/// Which token a program wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Id,
}

/// A token for a program. Holds a secret: has no `Debug`.
pub(super) struct Issued {
    pub(super) text: Zeroizing<String>,
    /// When the program is told that it expires, if that is known.
    pub(super) told_expiry: Option<SystemTime>,
    /// The fingerprint of the access token of the same session.
    pub(super) fingerprint: String,
}

impl Issued {
    fn of(token: &Token) -> Self {
        Self {
            text: Zeroizing::new(token.access_token().to_owned()),
            told_expiry: token.expires_at().and_then(|at| at.checked_sub(MARGIN)),
            fingerprint: token.fingerprint(),
        }
    }

    /// Returns the value of the header `Authorization`.
    pub(super) fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", *self.text))
    }
}

/// Returns the SHA-256 hash of a text in hexadecimal. Of a token, it is the fingerprint.
pub(super) fn fingerprint(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a time in seconds since 1970.
pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads everything that the program sends.
pub(super) fn input() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin().lock().take(INPUT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| malformed(format!("the input cannot be read: {error}")))?;
    if bytes.len() as u64 > INPUT_BYTES {
        return Err(malformed(format!("the input has more than {INPUT_BYTES} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("the input is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads a URL.
pub(super) fn url(text: &str) -> Option<Url> {
    Url::parse(text.trim()).ok().filter(|url| url.has_host())
}

/// Tells the user on the terminal, for programs that drop what a helper says on standard
/// error.
pub(super) fn tell_terminal(error: &Error) {
    if stderr().is_terminal() {
        return;
    }
    let terminal = if cfg!(windows) { "CONOUT$" } else { "/dev/tty" };
    if let Ok(mut terminal) = std::fs::OpenOptions::new().write(true).open(terminal) {
        let line = format!("latch: {}\n  {}\n", error.message(), error.remedy());
        // Whoever has no terminal is told in the protocol's own way alone.
        let _ = terminal.write_all(line.as_bytes());
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Says and asks nothing: both streams may belong to the program.
struct Silent;

impl Terminal for Silent {
    fn say(&self, _text: &str) {}
    fn wait(&self, _what: &str) {}
    fn settle(&self) {}
    fn detail(&self, _text: &str) {}

    fn is_attended(&self) -> bool {
        false
    }
}

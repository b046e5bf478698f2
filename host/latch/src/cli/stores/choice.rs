//! The value of `--store`: a kind of store on this machine, or the address of a shared one.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, Command};
#[cfg(not(target_os = "wasi"))]
use latchstring::capability::store::StoreAddress;
use serde::{Deserialize, Serialize};

/// Where a session is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum StoreChoice {
    Auto,
    Keyring,
    #[cfg(target_os = "linux")]
    Kernel,
    File,
    Memory,
    /// A server that several machines share.
    #[cfg(not(target_os = "wasi"))]
    Shared(StoreAddress),
}

/// The stores that a word names.
const NAMED: &[(&str, StoreChoice, &str)] = &[
    ("auto", StoreChoice::Auto, "The keyring if it answers, otherwise a file"),
    ("keyring", StoreChoice::Keyring, "The system's keyring, and nothing else"),
    #[cfg(target_os = "linux")]
    ("kernel", StoreChoice::Kernel, "The kernel's keyring: in memory, until a restart"),
    ("file", StoreChoice::File, "A file that only you can read"),
    ("memory", StoreChoice::Memory, "Nowhere: the session is gone when the program ends"),
];

impl StoreChoice {
    /// Returns the name of a kind of store.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            #[cfg(not(target_os = "wasi"))]
            Self::Shared(address) => address.engine_name(),
            named => {
                NAMED.iter().find(|(_, choice, _)| choice == named).map_or("", |(name, ..)| name)
            }
        }
    }

    /// Returns whether several machines share the store.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            #[cfg(not(target_os = "wasi"))]
            Self::Shared(_) => true,
            _ => false,
        }
    }

    fn has_password(&self) -> bool {
        match self {
            #[cfg(not(target_os = "wasi"))]
            Self::Shared(address) => address.has_password(),
            _ => false,
        }
    }

    /// Returns this choice as it may be shown and saved.
    pub(crate) fn without_password(self) -> Self {
        match self {
            #[cfg(not(target_os = "wasi"))]
            Self::Shared(address) => Self::Shared(address.without_password()),
            named => named,
        }
    }
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, choice, _)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return Ok(choice.clone());
        }
        if !text.contains("://") {
            return Err("there is no store with this name".to_owned());
        }
        #[cfg(not(target_os = "wasi"))]
        return text.parse().map(Self::Shared).map_err(|error: latchstring::Error| {
            format!("{}; {}", error.message(), error.remedy())
        });
        #[cfg(target_os = "wasi")]
        Err("a sandbox cannot reach a shared store; use the native latch".to_owned())
    }
}

impl TryFrom<String> for StoreChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<StoreChoice> for String {
    fn from(choice: StoreChoice) -> Self {
        match &choice {
            #[cfg(not(target_os = "wasi"))]
            StoreChoice::Shared(address) => address.expose().to_owned(),
            named => named.name().to_owned(),
        }
    }
}

/// Parses the stores that a session can be in, or, for a move, stay in.
#[derive(Clone)]
pub(crate) struct StoreParser {
    /// Names that are not allowed here.
    pub(crate) without: &'static [&'static str],
}

impl StoreParser {
    fn names(&self) -> impl Iterator<Item = &'static (&'static str, StoreChoice, &'static str)> {
        NAMED.iter().filter(|(name, ..)| !self.without.contains(name))
    }
}

impl TypedValueParser for StoreParser {
    type Value = StoreChoice;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<StoreChoice, clap::Error> {
        self.parse_ref_(command, argument, value, ValueSource::CommandLine)
    }

    /// Refuses a password on the command line, where every user of this machine can see it.
    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<StoreChoice, clap::Error> {
        let text = value.to_string_lossy();
        // Not shown, because it may contain a password.
        let refused = |reason: &str| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("{reason}\n")).with_cmd(command)
        };
        let choice = if text.contains("://") {
            text.parse().map_err(|reason: String| refused(&reason))?
        } else {
            let named = self.names().find(|(name, ..)| *name == text);
            named.map(|(_, choice, _)| choice.clone()).ok_or_else(|| {
                let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
                let names = self.names().map(|(name, ..)| (*name).to_owned()).collect();
                let argument = argument.map(ToString::to_string).unwrap_or_default();
                error.insert(ContextKind::InvalidArg, ContextValue::String(argument));
                error.insert(ContextKind::InvalidValue, ContextValue::String(text.into_owned()));
                error.insert(ContextKind::ValidValue, ContextValue::Strings(names));
                error
            })?
        };
        if source == ValueSource::CommandLine && choice.has_password() {
            return Err(refused(
                "a password on the command line can be seen by other users; set LATCH_STORE to the \
                 whole URL, or the password in LATCH_STORE_PASSWORD or LATCH_STORE_PASSWORD_FILE",
            ));
        }
        Ok(choice)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let named = self.names().map(|(name, _, help)| PossibleValue::new(*name).help(*help));
        #[cfg(not(target_os = "wasi"))]
        let named = named.chain([PossibleValue::new("URL")
            .help("A server that several machines share: postgres://, redis:// or rediss://")]);
        Some(Box::new(named))
    }
}

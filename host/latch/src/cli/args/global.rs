//! Flags of every command.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;
use serde::{Deserialize, Serialize};

use super::RecordArgs;
use crate::cli::stores::{StoreChoice, StoreParser};

#[derive(ClapArgs, Clone, Serialize, Deserialize)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Profile whose settings and session to use
    #[arg(
        long,
        global = true,
        env = "LATCH_PROFILE",
        value_name = "NAME",
        default_value = Global::DEFAULT_PROFILE
    )]
    pub(crate) profile: String,

    /// Whether the user named the profile.
    #[arg(skip)]
    pub(crate) names_profile: bool,

    /// Where to keep the session [default: what the profile remembers, else auto]
    #[arg(
        long,
        global = true,
        env = "LATCH_STORE",
        hide_env_values = true,
        value_parser = StoreParser { without: &[] }
    )]
    pub(crate) store: Option<StoreChoice>,

    /// Encrypt session files with the age identity in this file; login, import and move create the file if needed
    #[arg(
        long,
        global = true,
        env = "LATCH_KEY_FILE",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) key_file: Option<PathBuf>,

    /// Encrypt session files with a passphrase; latch asks for it unless LATCH_PASSPHRASE is set
    #[arg(long, global = true, env = "LATCH_ENCRYPT", value_parser = FalseyValueParser::new(), conflicts_with = "key_file", hide_short_help = true)]
    pub(crate) encrypt: bool,

    /// Seconds to wait for another process that uses the same session
    #[arg(
        long,
        global = true,
        env = "LATCH_LOCK_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60,
        hide_short_help = true
    )]
    pub(crate) lock_timeout: u64,

    /// Seconds to wait for the keyring
    #[arg(
        long,
        global = true,
        env = "LATCH_KEYRING_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 3,
        hide_short_help = true
    )]
    pub(crate) keyring_timeout: u64,

    /// Folder of config.toml [default: the platform's configuration folder]
    #[arg(
        long,
        global = true,
        env = "LATCH_CONFIG_DIR",
        value_name = "FOLDER",
        hide_short_help = true
    )]
    pub(crate) config_dir: Option<PathBuf>,

    /// Folder of session files and locks [default: the platform's state folder]
    #[arg(
        long,
        global = true,
        env = "LATCH_STATE_DIR",
        value_name = "FOLDER",
        hide_short_help = true
    )]
    pub(crate) state_dir: Option<PathBuf>,

    /// Print results and errors as JSON
    #[arg(long, global = true, env = "LATCH_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

    /// Print lines of text only: no spinner, no link, no QR code, no colour
    #[arg(long, global = true, env = "LATCH_PLAIN", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) plain: bool,

    /// Report every request on standard error, without secrets
    #[arg(long, short, global = true, env = "LATCH_VERBOSE", value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,

    #[command(flatten)]
    #[serde(skip)]
    pub(crate) recording: RecordArgs,
}

impl Global {
    /// Name of the profile that is used if none is named.
    pub(crate) const DEFAULT_PROFILE: &str = "default";
}

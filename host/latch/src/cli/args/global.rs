//! What every command takes.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;
use serde::{Deserialize, Serialize};

use super::RecordArgs;
use crate::cli::choices::StoreChoice;

#[derive(ClapArgs, Clone, Serialize, Deserialize)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Whose settings and session to use
    #[arg(
        long,
        global = true,
        env = "LATCH_PROFILE",
        value_name = "NAME",
        default_value = "default"
    )]
    pub(crate) profile: String,

    /// Where sessions are kept [default: what the last login used]
    #[arg(long, global = true, env = "LATCH_STORE", value_enum)]
    pub(crate) store: Option<StoreChoice>,

    /// Encrypt sessions in files with the key in this file, an age identity; a login makes it where it is missing
    #[arg(long, global = true, env = "LATCH_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Encrypt sessions in files with a passphrase: you are asked for it, or set LATCH_PASSPHRASE
    #[arg(long, global = true, env = "LATCH_ENCRYPT", value_parser = FalseyValueParser::new(), conflicts_with = "key_file")]
    pub(crate) encrypt: bool,

    /// How long to wait for another process that uses the same session
    #[arg(
        long,
        global = true,
        env = "LATCH_LOCK_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60
    )]
    pub(crate) lock_timeout: u64,

    /// How long to wait for the keyring
    #[arg(
        long,
        global = true,
        env = "LATCH_KEYRING_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 3
    )]
    pub(crate) keyring_timeout: u64,

    /// Where config.toml lies
    #[arg(long, global = true, env = "LATCH_CONFIG_DIR", value_name = "FOLDER")]
    pub(crate) config_dir: Option<PathBuf>,

    /// Where the file store keeps sessions
    #[arg(long, global = true, env = "LATCH_STATE_DIR", value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Answer, and report errors, as JSON
    #[arg(long, global = true, env = "LATCH_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

    /// Only lines of text: no spinner, no link, no QR code
    #[arg(long, global = true, env = "LATCH_PLAIN", value_parser = FalseyValueParser::new())]
    pub(crate) plain: bool,

    /// Tell every request on standard error; never a secret
    #[arg(long, short, global = true, env = "LATCH_VERBOSE", value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,

    #[command(flatten)]
    #[serde(skip)]
    pub(crate) recording: RecordArgs,
}

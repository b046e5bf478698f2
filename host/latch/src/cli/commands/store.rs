//! `latch store`: set up a store that several machines share.

use std::time::Duration;

use latchstring::capability::store::{SharedStore, StoreAddress};
use latchstring::{Code, Error};

use crate::cli::args::{Global, StoreCommand};
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::stores::{self, StoreChoice};

pub(crate) async fn run(global: &Global, command: StoreCommand) -> Result<(), Error> {
    let StoreCommand::Init { print } = command;
    let address = address(global)?;
    let statements = SharedStore::creating_statements(&address);
    if print {
        return output::text(statements.unwrap_or_default());
    }
    SharedStore::create(&address, Duration::from_secs(global.lock_timeout)).await?;
    output::say(&match statements {
        Some(_) => format!("{address} can keep sessions now"),
        None => format!("{address} needs nothing to be created"),
    });
    Ok(())
}

/// Returns the address of the chosen store.
fn address(global: &Global) -> Result<StoreAddress, Error> {
    let config = Config::read(global.config_dir.as_deref())?;
    let profile = config.profile(&global.profile)?.unwrap_or_default();
    match stores::chosen(global, &profile) {
        Some(StoreChoice::Shared(address)) => Ok(address.clone()),
        _ => Err(Error::new(
            Code::InvalidConfiguration,
            "no shared store is chosen",
            "name it: latch store init --store postgres://HOST/DATABASE",
        )),
    }
}

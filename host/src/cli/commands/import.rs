//! `latch import`: take over the session that another program keeps.

use latchstring::contract::Examination;
use latchstring::{Code, Demand, Error, printable};
use serde_json::json;

use super::login::{keep, who};
use crate::cli::args::{Global, ImportArgs};
use crate::cli::earlier::Earlier;
use crate::cli::settings::Settings;
use crate::cli::{output, renewer, stores};

pub(crate) async fn run(global: &Global, args: Box<ImportArgs>) -> Result<(), Error> {
    let ImportArgs { file, remove, provider } = *args;
    let settings = Settings::read(global, provider.into_profile())?;
    settings.tell_origin();
    stores::make_key_file(global)?;
    let latch = settings.latch(global, false)?;
    let found = settings.find_session(file.as_deref()).await?;
    let earlier = Earlier::of(&settings.stores(global)?, latch.key()).await?;
    latch.adopt(found.tokens()).await?;
    let (store, _) = keep(global, &settings, &latch, &[]).await?;
    // A session that is over already is told now, and not at its first use: a token
    // that has time left may have been revoked.
    let demand = Demand { examination: Some(Examination::Userinfo), ..Demand::default() };
    let unchecked = match renewer::token(global, &latch, demand).await {
        Ok(_) => None,
        // The provider could not be asked, or tells nobody's name.
        Err(error) if error.is_retryable() || error.code() == Code::InvalidUserinfo => Some(error),
        Err(error) => {
            if let Some(earlier) = earlier
                && earlier.put_back().await?
            {
                output::say("The session that was stored here before is kept");
            }
            return Err(settings.advise(global, error));
        }
    };
    let places = found.places();
    if remove {
        found.remove().await?;
    }
    let description = latch.status().await?;
    let who = description.as_ref().and_then(who);
    if global.json {
        return output::document(&json!({
            "profile": global.profile,
            "issuer": latch.issuer(),
            "client_id": latch.client_id(),
            "name": who,
            "from": places,
            "removed": remove,
            "checked": unchecked.is_none(),
            "store": stores::name(store),
            "place": latch.place(),
        }));
    }
    let whose = who.map_or("a session".to_owned(), |who| format!("the session of {who}"));
    output::say(&format!("Imported {} from {}", printable(&whose), places.join(" and ")));
    output::say(match remove {
        true => "It is no longer kept there",
        false => "It is still kept there; --remove deletes it",
    });
    if let Some(error) = unchecked {
        output::say(&format!("Whether it still works is not known: {error}"));
    }
    Ok(())
}

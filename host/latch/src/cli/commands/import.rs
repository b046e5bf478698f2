//! `latch import`: import the session of the provider's own program.

use latchstring::{Error, Imported, printable};
use serde_json::json;

use super::login::{keep, who};
use crate::cli::args::{Global, ImportArgs};
use crate::cli::settings::Settings;
use crate::cli::style::{GOOD, paint};
use crate::cli::{output, stores};

pub(crate) async fn run(global: &Global, args: Box<ImportArgs>) -> Result<(), Error> {
    let ImportArgs { file, remove, provider } = *args;
    let settings = Settings::read_to_change(global, provider.into_profile())?;
    settings.report_dotenv();
    stores::make_key_file(global)?;
    let latch = settings.latch(global, false)?;
    let found = settings.find_session(file.as_deref()).await?;
    let is_first = settings.stores(global)?.holding(latch.key()).await?.is_empty();
    let unchecked = match latch.import(found.tokens(), is_first).await {
        Ok(Imported::Checked(_)) => None,
        Ok(Imported::Unchecked(error)) => Some(error),
        Err(error) => {
            if !is_first {
                output::say("The session that was stored here before is unchanged");
            }
            return Err(settings.advise(global, error));
        }
    };
    let (store, _) = keep(global, &settings, &latch, &[]).await?;
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
            "store": store.name(),
            "place": latch.place(),
        }));
    }
    let whose = who.map_or("a session".to_owned(), |who| format!("the session of {who}"));
    output::say(&format!("Imported {} from {}", printable(&whose), places.join(" and ")));
    output::say(match remove {
        true => "It was deleted there",
        false => "It is still there; --remove deletes it",
    });
    if let Some(error) = unchecked {
        output::say(&format!("latch could not check whether it still works: {error}"));
    }
    let place = latch.place();
    let place = stores::in_short(&store, &place);
    let done = paint(GOOD, format_args!("The profile {} is logged in", global.profile));
    output::say(&format!("{done}; the session is in {place}"));
    Ok(())
}

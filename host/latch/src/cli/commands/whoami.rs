//! `latch whoami`: ask the provider who is logged in.

use latchstring::contract::Examination;
use latchstring::{Code, Demand, Error};
use serde_json::Value;

use crate::cli::args::{Global, ProviderArgs};
use crate::cli::output;
use crate::cli::settings::Settings;

pub(crate) async fn run(global: &Global, args: Box<ProviderArgs>) -> Result<(), Error> {
    let settings = Settings::read(global, args.into_profile())?.for_id_token();
    let latch = settings.latch(global, false)?;
    let demand = Demand { examination: Some(Examination::Userinfo), ..Demand::default() };
    let token = latch.token_for(demand).await.map_err(|error| settings.advise(global, error))?;
    let claims: Option<Value> = token.claims().and_then(|claims| serde_json::from_str(claims).ok());
    let Some(claims) = claims else {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "the provider does not say who is logged in: it has no userinfo endpoint and sent no \
             ID token",
            "log in with the scope openid, or set --userinfo-endpoint",
        ));
    };
    if global.json {
        return output::document(&claims);
    }
    for claim in ["name", "preferred_username", "email", "sub"] {
        if let Some(value) = claims.get(claim).and_then(Value::as_str) {
            output::line(&format!("{claim:<20}{}", latchstring::printable(value)))?;
        }
    }
    Ok(())
}

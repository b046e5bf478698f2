//! Rich authorization requests (RFC 9396): what exactly the user is asked to allow.

use serde_json::Value;

use crate::contract::{Client, Failure};
use crate::protocol::failure::printable;
use crate::protocol::metadata::Provider;

/// The parameter of requests and the member of token responses.
pub(crate) const AUTHORIZATION_DETAILS: &str = "authorization_details";

/// Checks the details that the client asks for, and that the provider knows their types (RFC
/// 9396 §2, §10). A provider that says nothing of its types may know any.
pub(crate) fn check_details(client: &Client, provider: &Provider) -> Result<(), Failure> {
    let types = types(client)?;
    let Some(known) = &provider.details_types else { return Ok(()) };
    match types.iter().find(|one| !known.contains(one)) {
        None => Ok(()),
        Some(unknown) => Err(unusable(
            &format!(
                "have the type {}, which the provider does not know (authorization_details_types_supported)",
                printable(unknown)
            ),
            "use one of the provider's types",
        )),
    }
}

/// Returns the types of the details that the client asks for. Fails with
/// `invalid-configuration` if they are not a list of objects that each have one.
fn types(client: &Client) -> Result<Vec<String>, Failure> {
    let Some(text) = &client.authorization_details else { return Ok(Vec::new()) };
    let details = serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
    let types: Option<Vec<String>> =
        details.iter().map(|one| one["type"].as_str().map(str::to_owned)).collect();
    types.filter(|types| !types.is_empty()).ok_or_else(|| {
        unusable(
            "are not a JSON array of objects that each have a type",
            "write them as in RFC 9396 §2, such as [{\"type\":\"payment\"}]",
        )
    })
}

/// Adds the details to a request.
pub(crate) fn push_details<'a>(form: &mut Vec<(&'a str, &'a str)>, client: &'a Client) {
    form.extend(client.authorization_details.iter().map(|text| (AUTHORIZATION_DETAILS, &**text)));
}

/// Returns a notice if the provider does not say which of the details it granted (RFC 9396
/// §7).
pub(crate) fn unconfirmed(client: &Client, granted: Option<&Value>) -> Option<String> {
    (client.authorization_details.is_some() && granted.is_none()).then(|| {
        "the provider does not say which of the authorization details it granted".to_owned()
    })
}

fn unusable(what: &str, remedy: &str) -> Failure {
    Failure::configuration(format!("the authorization details {what}"), remedy)
}

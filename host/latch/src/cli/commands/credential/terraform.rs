//! Terraform and OpenTofu: `credentials_helper`
//! ([credentials helpers](https://developer.hashicorp.com/terraform/internals/credentials-helpers)).
//!
//! The program is `terraform-credentials-latch`, with a verb and a host behind the
//! configured arguments. It is asked about every host, the public registry too.
//!
//! ```text
//! get registry.example.com  ->  {"token":"..."}, or {} for a host that is not ours
//! ```

use latchstring::{Code, Error};
use serde::Serialize;

use super::End;
use super::helper::{self, Helper, Kind};
use crate::cli::args::TerraformArgs;
use crate::cli::output;

#[derive(Serialize)]
struct Credential<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

pub(super) async fn run(helper: &Helper, args: &TerraformArgs) -> End {
    let result = match args.verb.as_str() {
        "get" => get(helper, &args.host).await,
        "forget" => Ok(()),
        "store" => helper::input().and(Err(refused("latch keeps no tokens of other programs"))),
        _ => Err(refused("expected one of: get, store, forget")),
    };
    End::with_terminal(result)
}

async fn get(helper: &Helper, host: &str) -> Result<(), Error> {
    let Some(session) = helper.session_for_text(host)? else {
        return output::compact(&Credential { token: None });
    };
    let issued = session.issue(Kind::Access, None).await?;
    output::compact(&Credential { token: Some(&issued.text) })
}

fn refused(words: &str) -> Error {
    Error::new(Code::InvalidConfiguration, words, "log in with latch login")
}

//! Claims about the user of an access token (OpenID Connect Core §5.3, RFC 6750).

use crate::answer::Answer;
use crate::bearer::bearer;
use crate::call::Call;
use crate::claims::Login;

/// Answers with the user's claims.
pub(super) fn userinfo(call: &Call<'_>) -> Answer {
    let state = &call.context.state();
    match bearer(call.context, state, call.asked, call.dialect.userinfo_scope) {
        Ok(good) => {
            let login = Login::of_bearer(state, &good, &call.issuer);
            (call.dialect.granted)((call.dialect.userinfo)(&login))
        }
        Err(refusal) => refusal,
    }
}

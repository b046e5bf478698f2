//! Routing of requests to systems.

use crate::{Answer, Asked};
use serde_json::json;

use crate::standins::control;
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::seen::Seen;
use crate::standins::shared::Shared;
use crate::standins::system::System;
use crate::standins::{authgate, fief, hexclave, mock, stytch};

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    if let Some(path) = asked.path.strip_prefix("/standin/") {
        return control::answer(shared, asked, path);
    }
    shared.log().push(Seen::of(asked));
    if shared.does(Misbehaviour::Down) {
        let error = json!({ "error": "temporarily_unavailable" });
        return Answer::json(503, &error).not_stored();
    }
    match shared.system {
        System::Hexclave => hexclave::answer(shared, asked),
        System::Authgate => authgate::answer(shared, asked),
        System::Stytch => stytch::answer(shared, asked),
        System::Fief => fief::answer(shared, asked),
        System::Mock => mock::answer(shared, asked),
    }
}

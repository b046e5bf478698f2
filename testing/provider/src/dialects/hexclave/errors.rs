//! Errors of Hexclave: a code for programs, and a sentence for users.

use serde_json::json;

use crate::answer::Answer;

/// An error of Hexclave.
pub(super) struct Error {
    status: u16,
    code: &'static str,
    message: &'static str,
}

impl Error {
    pub(super) const ACCESS_TYPE_REQUIRED: Self =
        Self::new(400, "ACCESS_TYPE_REQUIRED", "the header x-hexclave-access-type is missing");
    pub(super) const INVALID_ACCESS_TYPE: Self =
        Self::new(400, "INVALID_ACCESS_TYPE", "x-hexclave-access-type has to be client here");
    pub(super) const ACCESS_TYPE_WITHOUT_PROJECT_ID: Self = Self::new(
        400,
        "ACCESS_TYPE_WITHOUT_PROJECT_ID",
        "the header x-hexclave-project-id is missing",
    );
    pub(super) const CURRENT_PROJECT_NOT_FOUND: Self =
        Self::new(400, "CURRENT_PROJECT_NOT_FOUND", "there is no such project");
    pub(super) const PUBLISHABLE_CLIENT_KEY_REQUIRED: Self = Self::new(
        401,
        "PUBLISHABLE_CLIENT_KEY_REQUIRED_FOR_PROJECT",
        "this project wants a publishable client key",
    );
    pub(super) const INVALID_PUBLISHABLE_CLIENT_KEY: Self = Self::new(
        401,
        "INVALID_PUBLISHABLE_CLIENT_KEY",
        "this publishable client key is not that of the project",
    );
    pub(super) const SCHEMA: Self =
        Self::new(400, "SCHEMA_ERROR", "the request is not of the shape expected here");
    pub(super) const BODY_PARSING: Self =
        Self::new(400, "BODY_PARSING_ERROR", "the body is not a JSON object");
    pub(super) const INVALID_POLLING_CODE: Self =
        Self::new(400, "INVALID_POLLING_CODE", "this polling code was never issued");
    pub(super) const REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED: Self = Self::new(
        401,
        "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED",
        "there is no such session, or it is over",
    );
    pub(super) const NO_USER: Self = Self::new(
        400,
        "CANNOT_GET_OWN_USER_WITHOUT_USER",
        "the header x-hexclave-access-token is missing",
    );
    pub(super) const ACCESS_TOKEN_EXPIRED: Self =
        Self::new(401, "ACCESS_TOKEN_EXPIRED", "this access token has expired");
    pub(super) const UNPARSABLE_ACCESS_TOKEN: Self =
        Self::new(401, "UNPARSABLE_ACCESS_TOKEN", "this is no access token");
    pub(super) const USER_AUTHENTICATION_REQUIRED: Self =
        Self::new(401, "USER_AUTHENTICATION_REQUIRED", "the session of this token is over");

    pub(super) fn answer(&self) -> Answer {
        Answer::json(self.status, &json!({ "code": self.code, "error": self.message }))
            .with("x-stack-known-error", self.code)
    }

    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }
}

//! Values that a server has chosen: client IDs and nonces, which may begin with a hyphen.

/// Parses such a value. Refuses one that is spelt like a flag: its own value is missing then,
/// for example because a variable of a script is empty.
pub(super) fn opaque(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("--");
    let is_flag = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match name.is_some_and(is_flag) {
        true => Err("a value was expected, and this is a flag".to_owned()),
        false => Ok(text.to_owned()),
    }
}

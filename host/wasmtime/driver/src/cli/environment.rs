//! The environment that whoever runs this passes on (`--env`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use wasip2::cli::environment::get_environment;

static GIVEN: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| get_environment().into_iter().collect());

/// A variable that is there and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    GIVEN.get(name).filter(|value| !value.is_empty()).cloned()
}

//! Steps the component with a transcript's JSON, without the type information that an engine
//! has.

mod codec;
pub(super) mod stage;

use super::unusable;

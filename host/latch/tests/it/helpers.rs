//! `latch credential` as the helper of other programs, which are run unmodified where this
//! machine has them.

mod git;
mod scene;

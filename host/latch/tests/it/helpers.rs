//! `latch credential` as the helper of other programs, which are run unmodified where this
//! machine has them.

#[cfg(unix)]
mod front;
mod git;
mod install;
mod programs;
mod protocols;
mod scene;

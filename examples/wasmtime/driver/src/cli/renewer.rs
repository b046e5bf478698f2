//! Renewals, where no other process can be started to see them through.

use latchstring::{Demand, Error, Latch, Token};

use super::args::Global;

/// A token that meets `demand`. A program that is killed in the middle of a
/// renewal takes it along.
pub(crate) async fn token(_: &Global, latch: &Latch, demand: Demand) -> Result<Token, Error> {
    latch.token_for(&demand).await
}

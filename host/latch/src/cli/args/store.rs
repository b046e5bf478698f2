//! Arguments about shared stores.

use clap::Subcommand;

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum StoreCommand {
    /// Create what a shared store needs on its server
    ///
    /// Names the store with --store, LATCH_STORE or the profile. Changes nothing that is
    /// there already.
    Init {
        /// Print the statements that create it, and change nothing
        #[arg(long)]
        print: bool,
    },
}

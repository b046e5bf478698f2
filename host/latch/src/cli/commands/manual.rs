//! `latch manual`: the manual pages, for packages.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use latchstring::{Code, Error};

use crate::cli::args::{Args, ManualArgs};

pub(crate) fn run(args: &ManualArgs) -> Result<(), Error> {
    write(&args.folder).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("the manual cannot be written to {}: {error}", args.folder.display()),
            "name a folder that you can write to",
        )
    })
}

fn write(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = Args::command();
    command.build();
    clap_mangen::generate_to(explaining_all(command), folder)
}

/// A manual page is long help: it explains the arguments that short help leaves out.
fn explaining_all(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_short_help(false)).mut_subcommands(explaining_all)
}

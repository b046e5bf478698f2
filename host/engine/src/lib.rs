//! The settings of the engine that runs the login component, and, with the feature `build`,
//! the steps of build scripts that make a component from its sources and compile it.
//!
//! Build scripts and the program must use the same settings, and cargo builds a build script
//! with other features than the program: so both have this crate.

mod settings;

#[cfg(feature = "build")]
pub mod component;
#[cfg(feature = "build")]
mod folders;
#[cfg(feature = "build")]
pub mod machine_code;
#[cfg(feature = "build")]
pub mod nested;
#[cfg(feature = "build")]
mod toolchain;

#[cfg(feature = "build")]
pub use folders::Folders;
pub use settings::settings;

/// The result of a build step.
#[cfg(feature = "build")]
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Returns the exit code of a build script, and prints why it failed, where cargo shows it.
#[cfg(feature = "build")]
#[allow(clippy::print_stderr, reason = "cargo shows what a build script prints there")]
pub fn finish(built: Result<()>) -> std::process::ExitCode {
    match built {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

//! - `layout write COMPONENT FOLDER VERSION` prints the manifest's digest,
//! - `layout image FOLDER VERSION ARCHITECTURE=LAYER...` the digest of the index of images,
//! - `layout serve FOLDER` its address,
//! - `layout bill FILE` the bill of materials without what the lines of `cargo tree` on
//!   standard input do not have.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it says is for its caller")]

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use latchstring_layout::{bill, image, registry, write};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("layout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    match arguments {
        ["write", component, folder, version] => {
            println!("{}", write(&fs::read(component)?, Path::new(folder), version)?);
            Ok(())
        }
        ["image", folder, version, layers @ ..] if !layers.is_empty() => {
            println!("{}", image::write(Path::new(folder), version, &image::layers(layers)?)?);
            Ok(())
        }
        ["serve", folder] => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            println!("{}", listener.local_addr()?);
            Ok(registry::serve(&listener, Path::new(folder))?)
        }
        ["bill", file] => {
            let mut bill = serde_json::from_slice(&fs::read(file)?)?;
            bill::keep(&mut bill, &io::read_to_string(io::stdin())?);
            println!("{bill:#}");
            Ok(())
        }
        _ => Err("usage: layout write COMPONENT FOLDER VERSION | image FOLDER VERSION \
            ARCHITECTURE=LAYER... | serve FOLDER | bill FILE"
            .into()),
    }
}

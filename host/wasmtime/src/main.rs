//! `latch.wasm` in a sandbox of this program's own: what the script `latch` has the
//! stock wasmtime do, without it. It takes `latch`'s arguments.

use std::fs;
use std::process::ExitCode;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Result, Store, bail};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The machine code of `latch.wasm`, made by `build.rs`.
static COMPILED: &[u8] = include_bytes!(env!("LATCHSTRING_LATCH_COMPILED"));

/// Variables that name the folders for sessions and settings.
const FOLDERS: [&str; 2] = ["LATCH_STATE_DIR", "LATCH_CONFIG_DIR"];

/// What the component may use.
struct Sandbox {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: wasmtime_wasi_http::default_hooks(),
        }
    }
}

#[allow(clippy::print_stderr, reason = "there is nobody else to tell")]
fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("latch-wasi: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let sandbox =
        Sandbox { wasi: context()?, http: WasiHttpCtx::new(), table: ResourceTable::new() };
    let engine = Engine::new(&Config::new())?;
    let mut linker = Linker::<Sandbox>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // SAFETY: these bytes come from `build.rs`, which compiled them with the same
    // settings; nothing outside this program can change them.
    let latch = unsafe { Component::deserialize(&engine, COMPILED)? };
    let mut store = Store::new(&engine, sandbox);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let command = Command::instantiate_async(&mut store, &latch, &linker).await?;
        command.wasi_cli_run().call_run(&mut store).await
    });
    // A read of the keyboard that is under way must not keep the program alive.
    runtime.shutdown_background();
    match ended {
        Ok(ended) => Ok(if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(ExitCode::from(u8::try_from(exit.0).unwrap_or(1))),
            None => Err(error),
        },
    }
}

/// Streams, network, the two folders, and settings.
fn context() -> Result<WasiCtx> {
    // WASI can give no file a mode: what is made from here on is for its owner alone.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let mut builder = WasiCtx::builder();
    builder.inherit_stdio().inherit_network().allow_tcp(true).allow_ip_name_lookup(true);
    builder.args(&std::env::args().collect::<Vec<_>>());
    for (name, value) in std::env::vars().filter(|(name, _)| is_passed_on(name)) {
        builder.env(name, value);
    }
    for name in FOLDERS {
        let Ok(folder) = std::env::var(name) else { bail!("{name} is not set; name a folder") };
        let folder = std::path::absolute(folder)?;
        fs::create_dir_all(&folder)?;
        let place = folder.to_string_lossy();
        builder.preopened_dir(&folder, &place, FsPerms::ReadWrite)?;
        builder.env(name, &place);
    }
    Ok(builder.build())
}

/// Settings, and what tells whether a browser is near.
fn is_passed_on(name: &str) -> bool {
    name.starts_with("LATCH_") && !FOLDERS.contains(&name)
        || matches!(name, "CI" | "SSH_CONNECTION" | "SSH_CLIENT" | "SSH_TTY" | "container")
}

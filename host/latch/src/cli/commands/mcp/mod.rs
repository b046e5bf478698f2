//! `latch mcp`: a bridge between an MCP client that starts its servers as programs, and an
//! MCP server on the network that requires a login.
//!
//! The bridge passes messages on as they are. It reads only what the transport needs: see
//! [`message`]. The official SDK's transports (the crate rmcp) do not fit: they parse and
//! rewrite every message, begin sessions by themselves, and bring an HTTP client with them.
//!
//! - [`stdio`]: lines from the client and to it
//! - [`bridge`]: the state of a bridge
//! - [`server`]: one HTTP request with the token, and what to do if it is refused
//! - [`relay`]: a message to the server, and the answers to it
//! - [`stream`]: streams of messages from the server, across cut connections
//! - [`older`]: the transport of the revision 2024-11-05
//! - [`terminal`]: messages for the user, without questions
//! - [`config`]: the entry for a client's configuration

mod bridge;
mod config;
mod message;
mod older;
mod relay;
mod response;
mod server;
mod sse;
mod stdio;
mod stream;
mod terminal;
mod tools;

use latchstring::Error;
use latchstring::capability::terminal::StderrTerminal;

use crate::cli::args::{Global, McpAction, McpCommand};
use crate::cli::settings::Settings;
use bridge::Bridge;
use server::Server;
use terminal::Unattended;

pub(crate) async fn run(global: &Global, args: Box<McpCommand>) -> Result<(), Error> {
    let McpCommand { action, url, login, by_url, login_args } = *args;
    if let Some(McpAction::Config(args)) = action {
        return config::run(global, &args);
    }
    // OK because clap requires the URL unless there is a subcommand.
    let url = url.expect("a URL");
    let mut given = login_args.into_profile();
    given.resource_url = Some(url.clone());
    let settings = Settings::read(global, given)?;
    let pages = settings.pages()?;
    let open_browser = login && settings.effective.no_browser != Some(true);
    let terminal = StderrTerminal::new(global.verbose).plain(global.plain);
    let builder =
        settings.builder(global, open_browser)?.pages(pages).terminal(Unattended(terminal));
    let latch = by_url.apply(&settings, builder)?.build()?;
    let server = Server::new(latch, &url, global.clone(), settings, login)?;
    Bridge::run(server).await
}

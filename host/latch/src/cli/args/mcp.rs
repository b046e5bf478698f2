//! Arguments of `latch mcp`.

use clap::builder::FalseyValueParser;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::{ByUrlArgs, LoginArgs};

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct McpCommand {
    #[command(subcommand)]
    pub(crate) action: Option<McpAction>,

    /// URL of the MCP server
    #[arg(value_name = "URL", required = true, conflicts_with_all = ["resource_url", "provider"])]
    pub(crate) url: Option<String>,

    /// Open a browser if only a login can help
    #[arg(long, env = "LATCH_LOGIN", value_parser = FalseyValueParser::new())]
    pub(crate) login: bool,

    #[command(flatten)]
    pub(crate) by_url: ByUrlArgs,

    #[command(flatten)]
    pub(crate) login_args: LoginArgs,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum McpAction {
    /// Print the entry for an MCP client's configuration
    Config(McpConfigArgs),
}

#[derive(ClapArgs)]
pub(crate) struct McpConfigArgs {
    /// URL of the MCP server
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// MCP client that reads the entry
    #[arg(long, env = "LATCH_CLIENT", value_name = "CLIENT", value_enum, default_value_t)]
    pub(crate) client: McpClient,

    /// Name of the server in the entry [default: its host]
    #[arg(long, env = "LATCH_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// MCP clients that differ in their configuration files.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum McpClient {
    /// Any client that reads `mcpServers`
    #[default]
    Generic,
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Vscode,
}

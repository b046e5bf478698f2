//! `latch mcp config`: the entry for an MCP client's configuration file.

use latchstring::{Code, Error, printable};
use serde_json::{Value, json};
use url::Url;

use crate::cli::args::{Global, McpClient, McpConfigArgs};
use crate::cli::output;

pub(super) fn run(global: &Global, args: &McpConfigArgs) -> Result<(), Error> {
    let host = host(&args.url)?;
    let name = args.name.clone().unwrap_or_else(|| server_name(&host));
    output::say(&format!("For {}:", place(args.client)));
    output::document(&entry(args.client, &name, &arguments(global, &args.url)))
}

fn host(url: &str) -> Result<String, Error> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    parsed.and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(|| {
        Error::new(
            Code::InvalidConfiguration,
            format!("{} is not the URL of a server", printable(url)),
            "begin it with https://",
        )
    })
}

/// Returns a name of letters, digits and hyphens only: some clients accept no others.
fn server_name(host: &str) -> String {
    let plain = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    plain.collect::<String>().trim_matches('-').to_owned()
}

fn arguments(global: &Global, url: &str) -> Vec<String> {
    let mut words = vec!["mcp", url];
    if global.profile != Global::DEFAULT_PROFILE {
        words.extend(["--profile", &global.profile]);
    }
    words.into_iter().map(str::to_owned).collect()
}

/// Returns where the client reads the entry.
fn place(client: McpClient) -> &'static str {
    match client {
        McpClient::Generic => "the file of your MCP client that has mcpServers",
        McpClient::ClaudeCode => ".mcp.json in the project's folder",
        McpClient::ClaudeDesktop => "claude_desktop_config.json (Settings, Developer, Edit Config)",
        McpClient::Cursor => "~/.cursor/mcp.json, or .cursor/mcp.json in the project's folder",
        McpClient::Vscode => ".vscode/mcp.json in the workspace's folder",
    }
}

fn entry(client: McpClient, name: &str, arguments: &[String]) -> Value {
    let mut server = json!({ "command": "latch", "args": arguments });
    if matches!(client, McpClient::ClaudeCode | McpClient::Vscode) {
        server["type"] = "stdio".into();
    }
    let list = match client {
        McpClient::Vscode => "servers",
        _ => "mcpServers",
    };
    json!({ list: { name: server } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_host() {
        for (url, name) in [
            ("https://mcp.example.com/mcp", "mcp-example-com"),
            ("http://127.0.0.1:8000/", "127-0-0-1"),
            ("http://[::1]/", "1"),
        ] {
            assert_eq!(server_name(&host(url).expect("a host")), name);
        }
        assert!(host("mcp.example.com").is_err() && host("file:///mcp").is_err());
    }

    #[test]
    fn each_client_gets_its_form() {
        let words = ["mcp".to_owned(), "https://a.example/mcp".to_owned()];
        let server = json!({ "command": "latch", "args": words });
        let typed = json!({ "type": "stdio", "command": "latch", "args": words });
        for (client, expected) in [
            (McpClient::Generic, json!({ "mcpServers": { "a": server } })),
            (McpClient::ClaudeDesktop, json!({ "mcpServers": { "a": server } })),
            (McpClient::Cursor, json!({ "mcpServers": { "a": server } })),
            (McpClient::ClaudeCode, json!({ "mcpServers": { "a": typed } })),
            (McpClient::Vscode, json!({ "servers": { "a": typed } })),
        ] {
            assert_eq!(entry(client, "a", &words), expected);
        }
    }
}

//! `latch component`: show the component that holds the protocol.

use latchstring::{Code, Error};
use serde_json::json;

use crate::cli::args::Global;
use crate::cli::output;

/// What the build has put beside this driver: size in bytes, SHA-256 and the one
/// export of a component that was checked to import nothing. A component cannot
/// look at its neighbour's bytes.
const FLOW: [Option<&str>; 3] = [
    option_env!("LATCHSTRING_FLOW_BYTES"),
    option_env!("LATCHSTRING_FLOW_SHA256"),
    option_env!("LATCHSTRING_FLOW_EXPORT"),
];

pub(crate) fn run(global: &Global) -> Result<(), Error> {
    let [Some(bytes), Some(sha256), Some(export)] = FLOW else {
        return Err(Error::new(
            Code::HostFault,
            "this driver was built alone, and does not know its component",
            "build it with: cargo build -p latchstring-wasmtime",
        ));
    };
    if global.json {
        let imports: [&str; 0] = [];
        return output::document(&json!({
            "bytes": bytes.parse::<u64>().unwrap_or_default(),
            "sha256": sha256,
            "exports": [export],
            "imports": imports,
        }));
    }
    output::line(&format!("bytes    {bytes}"))?;
    output::line(&format!("sha256   {sha256}"))?;
    output::line(&format!("exports  {export}"))?;
    output::line("imports  none")
}

//! The host's loop as a WASI 0.2 component: it imports the login component and
//! what WASI offers, and is composed with the former when it is built.

mod contract;

struct Driver;

impl wasip2::exports::cli::run::Guest for Driver {
    fn run() -> Result<(), ()> {
        let out = wasip2::cli::stdout::get_stdout();
        let facts = contract::Facts {
            terminal: true,
            unattended: false,
            browser_command: false,
            shows_address: true,
            display: false,
            remote_shell: false,
            windows_interop: false,
            container: false,
            editor_terminal: false,
            offers_device: None,
        };
        let choice = contract::choose_flow(facts);
        out.blocking_write_and_flush(
            format!(
                "{} {}\n",
                choice.reason,
                option_env!("LATCHSTRING_FLOW_SHA256").unwrap_or("?")
            )
            .as_bytes(),
        )
        .map_err(drop)
    }
}

wasip2::cli::command::export!(Driver);

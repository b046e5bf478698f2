//! What the user is told and asked.

use super::Opened;
use crate::contract::{Confirmation, LoginFlow};
use crate::error::printable;
use crate::pages;

pub(super) const ANY_DEVICE: &str = "To log in, open this address on any device:\n\n";
pub(super) const ANOTHER_ADDRESS: &str = "the login continues at another address";
pub(super) const ANOTHER_USER: &str = "A browser that runs as another user of this machine opened this login and was refused. If it was yours, open the address in a browser that runs as the same user as this program.";
pub(super) const ANOTHER_BROWSER: &str =
    "The login came back in a different browser from the one it started in, so it does not count.";
pub(super) const TAKEN: &str = "The address that your browser was sent to was opened twice and no longer works: another user of this machine may have opened it first. Press Enter for a new one.";

const PASTE: &str = "When the login is done, copy the whole address from the browser's address bar,
even if the page cannot be shown, and paste it here";
const PASTE_AGAIN: &str = "Paste the whole address";

/// Returns the message that the address follows.
pub(super) fn invitation(opened: Opened) -> &'static str {
    match opened {
        Opened::Address => "Your browser opens to log you in. If it does not, open:\n\n",
        Opened::File => {
            "Your browser opens a private file that leads to the login. If it does not, or may not read that file (some browsers are confined), open:\n\n"
        }
        Opened::ByHand => {
            "To log in, open this address in a browser of this machine (a sandbox cannot start one):\n\n"
        }
    }
}

pub(super) const CONSENT: &str = "Press Enter to log in there, or type anything else to stop:";

/// Returns the message about who will ask for the password.
pub(super) fn issuer(confirmation: &Confirmation) -> String {
    let issuer = printable(&confirmation.issuer_host);
    let resource = printable(&confirmation.resource_host);
    match (issuer == resource, confirmation.asks) {
        (true, _) => format!("{resource} asks for your login itself."),
        (false, false) => format!("{resource} has you log in at {issuer}."),
        (false, true) => format!(
            "{resource} has you log in at {issuer}, where this machine has not logged in before. Go on only if you know {issuer} and would give it your password."
        ),
    }
}

/// Returns the question for the address that the browser ends on.
pub(super) fn paste(is_again: bool, hides_typing: bool, alternatives: &[LoginFlow]) -> String {
    let question = if is_again { PASTE_AGAIN } else { PASTE };
    let discretion = match hides_typing {
        true => "it is not displayed",
        false => "it is displayed as you type: clear the screen afterwards",
    };
    format!("{question} ({discretion}):{}", choices(alternatives))
}

/// Returns the flow that the user typed: its value of `--flow`.
pub(super) fn named(flows: &[LoginFlow], text: &str) -> Option<LoginFlow> {
    flows.iter().copied().find(|flow| text.trim().eq_ignore_ascii_case(name(*flow)))
}

/// Returns a line for each flow, with the word that chooses it.
pub(super) fn choices(flows: &[LoginFlow]) -> String {
    let lines = flows.iter().map(|flow| format!("\n  {:<8} to {}", name(*flow), in_words(*flow)));
    match flows {
        [] => String::new(),
        _ => format!(" Or type{}", lines.collect::<String>()),
    }
}

pub(super) fn in_words(flow: LoginFlow) -> &'static str {
    match flow {
        LoginFlow::Browser => "use the browser of this machine",
        LoginFlow::Paste => "use any browser and paste the address it ends on",
        LoginFlow::Device => "use a code on any device",
    }
}

fn name(flow: LoginFlow) -> &'static str {
    match flow {
        LoginFlow::Browser => "browser",
        LoginFlow::Paste => "paste",
        LoginFlow::Device => "device",
    }
}

/// Returns a phrase of the component as a sentence for a terminal.
pub fn sentence(phrase: &str) -> String {
    format!("{}.", pages::sentence(&printable(phrase)))
}

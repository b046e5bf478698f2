//! The user's side of a login.

use std::cell::RefCell;
use std::rc::Rc;

use latchstring_core::contract::{
    Authorization, Confirmation, DevicePrompt, Failure, LoginFlow, Offer, ProviderError, Visit,
};
use latchstring_core::egress::Egress;
use latchstring_core::error::{Code, Error, code_named};
use latchstring_core::interaction::{Command, Event, Interaction, Means, Opened, Reply, Request};
use latchstring_core::listener::Peer;
use latchstring_core::pages::{Page, Pages};
use sha2::{Digest as _, Sha256};

use crate::contract as wit;
use crate::egress::Policy;

pub(crate) struct Login {
    interaction: RefCell<Interaction>,
    egress: Rc<Egress>,
}

impl wit::GuestInteraction for Login {
    fn new(egress: wit::EgressBorrow<'_>, means: wit::Means, seed: Vec<u8>) -> Self {
        let means = Means {
            redirect_uri: means.redirect_uri,
            has_browser: means.has_browser,
            browser_is_elsewhere: means.browser_is_elsewhere,
            is_attended: means.is_attended,
            hides_typing: means.hides_typing,
        };
        // The hash of a seed of any length has 32 bytes.
        let seed = Sha256::digest(&seed).into();
        Self {
            interaction: RefCell::new(Interaction::new(means, Pages::default(), seed)),
            egress: egress.get::<Policy>().shared(),
        }
    }

    fn handle(&self, event: wit::Event) -> Result<Vec<wit::Command>, wit::Failure> {
        let mut interaction = self.interaction.borrow_mut();
        let commands = match event {
            wit::Event::Authorize(asked) => {
                let authorization = Authorization {
                    url: asked.url,
                    flow: asked.flow.into(),
                    reason: asked.reason,
                    wait_ms: asked.wait_ms,
                    notice: asked.notice,
                    alternatives: flows(asked.alternatives),
                };
                interaction.authorize(&self.egress, authorization)?
            }
            wit::Event::Present(prompt) => {
                let prompt = DevicePrompt {
                    user_code: prompt.user_code,
                    verification_uri: prompt.verification_uri,
                    verification_uri_complete: prompt.verification_uri_complete,
                    expires_at_ms: prompt.expires_at_ms,
                };
                interaction.present(&self.egress, &prompt)?
            }
            wit::Event::Visit(wit::Visit { url, opens, expires_at_ms }) => {
                interaction.visit(&self.egress, &Visit { url, opens, expires_at_ms })?
            }
            wit::Event::Offer(wit::Offer { reason, flows: offered, wait_ms }) => {
                interaction.offer(Offer { reason, flows: flows(offered), wait_ms })?
            }
            wit::Event::Confirm(asked) => interaction.confirm(&Confirmation {
                issuer_host: asked.issuer_host,
                resource_host: asked.resource_host,
                asks: asked.asks,
                wait_ms: asked.wait_ms,
            }),
            wit::Event::Close(ended) => interaction.close(ended.map(error).as_ref()),
            wit::Event::Requested(request) => interaction.handle(Event::Requested(Request {
                id: request.id,
                target: request.target,
                cookies: request.cookies,
                peer: match request.peer {
                    wit::Peer::SameUser => Peer::SameUser,
                    wit::Peer::OtherUser => Peer::OtherUser,
                    wit::Peer::Unknown => Peer::Unknown,
                },
                keeps_connection: request.keeps_connection,
            })),
            wit::Event::Closed(request) => interaction.handle(Event::Closed(request)),
            wit::Event::Opened(result) => {
                interaction.handle(Event::Opened(result.map(|opened| match opened {
                    wit::Opened::Address => Opened::Address,
                    wit::Opened::File => Opened::File,
                    wit::Opened::ByHand => Opened::ByHand,
                })))
            }
            wit::Event::BrowserFailed(reason) => interaction.handle(Event::BrowserFailed(reason)),
            wit::Event::Typed(text) => interaction.handle(Event::Typed(text)),
            wit::Event::TimedOut => interaction.handle(Event::TimedOut),
        };
        Ok(commands.into_iter().map(wit::Command::from).collect())
    }
}

fn flows(flows: Vec<wit::LoginFlow>) -> Vec<LoginFlow> {
    flows.into_iter().map(LoginFlow::from).collect()
}

fn error(wit::Ended { failure, provider }: wit::Ended) -> Error {
    Error::from(Failure {
        // A code that the contract does not have is this host's own affair.
        code: code_named(&failure.code).unwrap_or(Code::HostFault).into(),
        message: failure.message,
        remedy: failure.remedy,
        provider: provider
            .map(|said| ProviderError { error: said.error, description: said.description }),
        retryable: false,
    })
}

impl From<wit::LoginFlow> for LoginFlow {
    fn from(flow: wit::LoginFlow) -> Self {
        match flow {
            wit::LoginFlow::Browser => Self::Browser,
            wit::LoginFlow::Paste => Self::Paste,
            wit::LoginFlow::Device => Self::Device,
        }
    }
}

impl From<LoginFlow> for wit::LoginFlow {
    fn from(flow: LoginFlow) -> Self {
        match flow {
            LoginFlow::Browser => Self::Browser,
            LoginFlow::Paste => Self::Paste,
            LoginFlow::Device => Self::Device,
        }
    }
}

impl From<Command> for wit::Command {
    fn from(command: Command) -> Self {
        match command {
            Command::Say(text) => Self::Say(text),
            Command::Address(url) => Self::Address(url),
            Command::Draw(url) => Self::Draw(url),
            Command::Wait(what) => Self::Wait(what.to_owned()),
            Command::Countdown { what, end_ms } => {
                Self::Countdown(wit::Countdown { what: what.to_owned(), end_ms })
            }
            Command::Launch(url) => Self::Launch(url),
            Command::Open(url) => Self::Open(url),
            Command::EndLaunch => Self::EndLaunch,
            Command::Answer { request, page } => {
                Self::Answer(wit::Answer { request, page: page.into() })
            }
            Command::Ask { question, is_hidden } => {
                Self::Ask(wit::Question { text: question, is_hidden })
            }
            Command::Limit(limit_ms) => Self::Limit(limit_ms),
            Command::Reply(reply) => Self::Reply(match reply {
                Reply::Redirected(target) => wit::Reply::Redirected(target),
                Reply::Pasted(text) => wit::Reply::Pasted(text),
                Reply::Presented => wit::Reply::Presented,
                Reply::Chosen(flow) => wit::Reply::Chosen(flow.into()),
                Reply::Confirmed => wit::Reply::Confirmed,
                Reply::Cancelled => wit::Reply::Cancelled,
                Reply::TimedOut => wit::Reply::TimedOut,
            }),
            Command::Finish => Self::Finish,
        }
    }
}

impl From<Page> for wit::Page {
    fn from(Page { status, html, policy, location, cookie }: Page) -> Self {
        Self { status, html, policy: policy.into_owned(), location, cookie }
    }
}

//! Loops without end, excessive memory and excessive sizes.

use std::hint::black_box;

use crate::contract::{
    Action, Code, Description, Exchange, Failure, Header, Method, Purpose, Request, TokenState,
};
use crate::failure::failure;

const MIB: usize = 1 << 20;

pub(crate) fn act(part: &str) -> Option<Result<Action, Failure>> {
    Some(match part {
        "a loop without end" => loop {
            black_box(());
        },
        "a loop of large steps" => {
            let mut bytes = vec![0_u8; 8 * MIB];
            loop {
                black_box(&mut bytes).fill(1);
            }
        }
        "memory without end" => {
            let mut eaten = Vec::new();
            loop {
                eaten.push(black_box(vec![1_u8; MIB]));
            }
        }
        "calls without end" => Ok(Action::Save(Some(vec![deeper(1)]))),
        "a trap" => panic!("on purpose"),
        "gigabytes to store" => Ok(Action::Save(Some(vec![0; 32 * MIB]))),
        "more to store than there is room" => Ok(Action::Save(Some(vec![0; 2 * MIB]))),
        "gigabytes in a request" => Ok(exchange(Vec::new(), vec![0; 32 * MIB])),
        "more in a request than anybody sends" => Ok(exchange(Vec::new(), vec![0; 2 * MIB])),
        "gigabytes of headers" => Ok(exchange(
            (0..1000).map(|_| Header { name: text(), value: text() }).collect(),
            Vec::new(),
        )),
        "100000 headers" => Ok(exchange(headers(100_000), Vec::new())),
        "1000 headers" => Ok(exchange(headers(1000), Vec::new())),
        "too many words" => Err(Failure { message: text(), ..failure(Code::HostFault, "") }),
        _ => return None,
    })
}

pub(crate) fn description() -> Description {
    Description {
        issuer: None,
        resource: None,
        client_id: String::new(),
        subject: None,
        display_name: None,
        scopes: (0..1000).map(|_| text()).collect(),
        authorization_details: None,
        logged_in_at_ms: u64::MAX,
        expires_at_ms: None,
        token_state: TokenState::Fresh,
    }
}

/// A string of some megabytes. All of them share the same memory, so that a thousand are
/// gigabytes for the reader. None is ever freed.
pub(crate) fn text() -> String {
    static MUCH: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    let much = MUCH.get_or_init(|| "a".repeat(6 * MIB).leak());
    // SAFETY: nothing writes to this memory, and the host stops this program before it
    // could free any.
    unsafe { String::from_raw_parts(much.as_ptr().cast_mut(), much.len(), much.len()) }
}

fn headers(count: usize) -> Vec<Header> {
    (0..count).map(|_| Header { name: "a".to_owned(), value: String::new() }).collect()
}

fn exchange(headers: Vec<Header>, body: Vec<u8>) -> Action {
    Action::Exchange(Exchange {
        purpose: Purpose::Token,
        wait_ms: 0,
        timeout_ms: None,
        remark: None,
        request: Request {
            method: Method::Post,
            url: "https://id.example/token".to_owned(),
            headers,
            body: Some(body),
        },
    })
}

#[allow(unconditional_recursion, reason = "it is what this part is about")]
fn deeper(depth: u8) -> u8 {
    let frame = black_box([depth; 64]);
    deeper(black_box(frame[7]).wrapping_add(1)).wrapping_add(frame[3])
}

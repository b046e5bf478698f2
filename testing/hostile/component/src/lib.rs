//! A component with the exports of a login component. What it does depends on its
//! `client-id`; it reports the host's refusal as a failure.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a host calls it"))]

mod component;
mod contract;
mod demands;
mod excess;
mod failure;
mod requests;

//! A login component by its looks alone. What it does is the `client-id` that it
//! is given; it tells in a failure what its host said to that.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a host calls it"))]

mod component;
mod contract;
mod demands;
mod excess;
mod requests;

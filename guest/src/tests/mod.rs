//! What the flows do, told as scripts of replies in virtual time.

mod asked;
mod bodies;
mod device;
mod discovery;
mod flow_choice;
mod given;
mod hexclave;
mod id_token;
mod id_token_keys;
mod keys;
mod known;
mod login;
mod logout;
mod misfit;
mod offer;
mod pasted;
mod provider;
mod redirect;
mod repetition;
mod replies;
mod requests;
mod script;
mod seen;
mod stored;
mod token;
mod token_endings;

//! The runner against a scripted server that speaks the protocol: real processes, real HTTP.

mod archives;
mod checkout;
mod endings;
mod fake;
mod git_server;
mod protocol;
mod sandbox;
mod scripts;

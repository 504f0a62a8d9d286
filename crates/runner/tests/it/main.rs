//! The runner against a scripted server that speaks the protocol: real processes, real HTTP.

mod fake;
mod scripts;

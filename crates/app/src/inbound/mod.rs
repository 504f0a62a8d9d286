//! Inbound hooks: webhooks of other systems that start pipelines.
//!
//! A delivery finds its hook by the key in the address, proves where it comes from ([`verify`]), is looked at by
//! the hook's conditions, and becomes a trigger call with the inputs and variables that the project declared. Only
//! then anything is created; the call acts as the owner of a trigger token, with all that limits that token.

pub mod declare;
mod event;
mod filter;
pub mod log;
pub mod manage;
mod mapping;
pub mod path;
pub mod receive;
mod secrets;
pub mod verify;

pub use secrets::Secrets;

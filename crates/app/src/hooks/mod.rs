//! Webhooks: what projects want other hosts to be told, and telling them.
//!
//! What happens is written down in the transaction in which it happens ([`happened`]), so a crash loses nothing; a
//! task per server ([`dispatch`]) turns it into deliveries and makes them. A project without hooks costs nothing
//! when a pipeline is created: its own row says so.

pub mod deliver;
pub mod dispatch;
pub mod happened;
pub mod log;
pub mod manage;
pub mod payload;
pub mod secrets;
pub mod template;

//! Requests to servers of this process: what is sent, what is refused, what is bounded.

mod guard;
mod limits;
mod requests;
mod tls;

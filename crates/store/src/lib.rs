//! The database: the only crate with SQL in it.
//!
//! An operation is a plain synchronous function over [`Tx`], written once, in [`ops`]. Callers
//! pass a closure of such calls to [`Store::write`] or [`Store::read`]; it cannot await, so no lock
//! outlives it. Two thin drivers run it: SQLite (one writer thread with group commit, a few
//! readers) and PostgreSQL (a few of each). Wake-ups ([`Wake`]) are sent after the commit.
//!
//! It refuses to know what a status means, who may do what, and what a secret is: values that
//! are secret arrive sealed, tokens arrive as keyed digests.

mod error;
mod migrate;
mod operation;
mod postgres;
mod row;
mod sql;
mod sqlite;
mod store;
mod tx;
mod value;
mod wake;

pub mod ops;

pub use error::StoreError;
pub use row::Row;
pub use sql::Sql;
pub use store::{Database, Options, Store};
pub use tx::{EachRow, Tx};
pub use value::{FromColumn, Json, Param, Value};
pub use wake::Wake;

//! The router over loopback, with a database and repositories of its own, driven by real clients.

mod api;
mod attacks;
mod fixture;
mod git;
mod pages;
mod permissions;

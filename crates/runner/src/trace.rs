//! A job's log: made safe (`mask`, `prefix`, `text`), kept (`spool`), sent (`upload`).

mod log;
mod mask;
mod prefix;
mod spool;
mod text;
mod upload;

pub(crate) use log::{LogSettings, TraceLog};
pub(crate) use text::Source;
pub(crate) use upload::{JobHandle, Outcome, Uploader, Verdict};

//! Benchmarks of the server, each figure beside its floor measured in the same run.
//!
//! `cargo xtask bench trigger`, `bench live`, `bench pages` or `bench compile [DIR]` builds the release binaries and runs this. Figures are for people: no
//! test looks at them. The load generator shares the machine with the server, on purpose: that is
//! what the figures in `docs/benchmarks.md` are measured like.

mod backlog;
mod compiling;
mod floor;
mod hostile;
mod live;
mod load;
mod pages;
mod player;
mod rows;
mod server;
mod trigger;
mod viewers;
mod waiting;

use std::path::PathBuf;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "trigger".to_owned());
    let path = arguments.next().map(PathBuf::from);
    if what == "compile" {
        return compiling::run(path.as_deref());
    }
    let binary = path.unwrap_or_else(|| PathBuf::from("target/release/tripline"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match what.as_str() {
        "trigger" => runtime.block_on(trigger::run(&binary)),
        "live" => runtime.block_on(live::run(&binary, arguments.next().as_deref())),
        "pages" => runtime.block_on(pages::run(&binary)),
        other => bail!("no benchmark `{other}`: expected `trigger`, `live`, `pages` or `compile`"),
    }
}

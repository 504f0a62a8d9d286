//! The `tripline` binary: reads the command line, wires the crates together, decides the exit status.

mod admin;
mod cancels;
mod cli;
mod client;
mod config;
mod demo;
mod explain;
mod follow;
mod keyfile;
mod lint;
mod local;
mod logging;
mod runner_process;
mod serve;
mod trigger;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: cli::Command) -> anyhow::Result<ExitCode> {
    match command {
        cli::Command::Serve(flags) => {
            let config = config::Config::from_flags(*flags)?;
            logging::start(&config.log, config.log_json)?;
            runtime()?.block_on(serve::run(config))?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Command::Demo(flags) => runtime()?.block_on(demo::run(flags)),
        cli::Command::Lint(flags) => lint::run(&flags),
        cli::Command::Explain(flags) => explain::run(&flags),
        cli::Command::Trigger(flags) => runtime()?.block_on(trigger::run(flags)),
        cli::Command::Runner(flags) => {
            logging::start("info", false)?;
            runtime()?.block_on(runner_process::run(flags))?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Command::JobShell { arguments } => Ok(runner::job_shell_main(arguments.into_iter())),
        cli::Command::Admin(flags) => runtime()?.block_on(admin::run(flags)),
    }
}

/// The async runtime: a thread per core, and blocking threads that end when idle.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config::cores().max(2))
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()?)
}

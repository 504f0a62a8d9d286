//! `tripline lint`: is this configuration valid, and if not, where and why.

use std::process::ExitCode;

use compile::Severity;
use serde_json::{Value as Json, json};

use crate::cli;
use crate::local::{Local, tell};
use crate::trigger::pairs;

/// Checks the file; the exit status says whether it is valid.
pub(crate) fn run(flags: &cli::Lint) -> anyhow::Result<ExitCode> {
    let mut local = Local::open(&flags.file, &flags.remote)?;
    let loaded = local.load(&inputs(&flags.inputs)?, &[])?;
    let (errors, warnings): (Vec<_>, Vec<_>) = loaded
        .diagnostics
        .iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    let valid = errors.is_empty() && loaded.config.is_some();
    if flags.json {
        let texts = |list: &[&compile::Diagnostic]| list.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
        println!(
            "{}",
            json!({"valid": valid, "errors": texts(&errors), "warnings": texts(&warnings)})
        );
    } else {
        for diagnostic in &loaded.diagnostics {
            tell(diagnostic, &loaded.sources);
        }
        if let Some(config) = loaded.config.as_ref().filter(|_| valid) {
            let jobs = config.definitions().len();
            println!(
                "{} is valid: {jobs} jobs in {} stages",
                local.name(),
                config.stages().len()
            );
        }
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads `--input` flags; texts that their type wants as JSON are decoded by the compiler.
pub(crate) fn inputs(texts: &[String]) -> anyhow::Result<Vec<(String, Json)>> {
    match pairs("--input", texts)? {
        Json::Object(object) => Ok(object.into_iter().collect()),
        _ => Ok(Vec::new()),
    }
}

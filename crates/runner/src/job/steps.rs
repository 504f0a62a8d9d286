//! The stages that run what the job's author wrote.

use std::path::PathBuf;

use wire::runner::Step;

use super::context::Context;
use super::outcome::in_words;
use super::stage::{Failure, Program, Shell, Watch};
use crate::trace::Source;

/// Returns the files of the job's own scripts, to be written with everything else that is prepared.
pub(super) fn files(context: &Context<'_>) -> Vec<(PathBuf, String)> {
    let steps = context.job.steps.iter().filter(|step| step.name != "after_script");
    let file = |step: &Step| {
        // What is wrong with a step is told when its turn comes.
        let text = context.step(&step.script).ok()?;
        Some((context.dirs.temporary.join(stage_of(step)), text))
    };
    steps.filter_map(file).collect()
}

/// Returns the name of the stage that runs a step, which names its file too.
fn stage_of(step: &Step) -> String {
    if step.name == "script" {
        "step_script".to_owned()
    } else {
        format!("step_{}", step.name)
    }
}

/// Runs the job's own scripts, whose [files] are there.
pub(super) async fn script_steps(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
) -> Result<(), Failure> {
    for variable in context.oversized() {
        shell.warn(&format!(
            "variable {} is too large for the environment of a program ({} bytes): scripts see it, the programs they \
             start do not",
            variable.key,
            variable.value.len()
        ));
    }
    for step in context.job.steps.iter().filter(|step| step.name != "after_script") {
        let stage = stage_of(step);
        shell.open(&stage, &format!("Executing \"{stage}\" stage of the job script"));
        // Its file is there unless this fails.
        context.step(&step.script).map(drop)?;
        let file = context.dirs.temporary.join(&stage).to_string_lossy().into_owned();
        let program = Program {
            argv: context.shell_command(&file),
            env: context.environment("running"),
            dir: &context.dirs.project,
            limit: context.settings.script_timeout,
            keep_rest: true,
            source: Source::Script,
        };
        let result = shell.run(watch, program).await;
        shell.close(&stage);
        result?;
    }
    Ok(())
}

/// Runs `after_script` in a shell of its own, unless the job's end forbids it.
pub(super) async fn after_script(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    result: &Result<(), Failure>,
) -> Result<(), Failure> {
    if !runs_after_script(result) {
        return Ok(());
    }
    let Some(step) = context
        .job
        .steps
        .iter()
        .find(|step| step.name == "after_script" && !step.script.is_empty())
    else {
        return Ok(());
    };
    let status = match result {
        Ok(()) => "success",
        Err(Failure::Canceled) => "canceled",
        Err(Failure::ScriptTimedOut(_)) => "timedout",
        Err(_) => "failed",
    };
    shell.open("after_script", "Running after_script");
    shell.log.line("Running after script...");
    let text = context.step(&step.script)?;
    let file = context.write_script("after_script", &text).await?;
    let program = Program {
        argv: context.shell_command(&file),
        env: context.environment(status),
        dir: &context.dirs.project,
        limit: Some(context.settings.after_script_timeout),
        keep_rest: false,
        source: Source::Script,
    };
    let ended = shell.run(watch, program).await;
    let what = match &ended {
        Err(Failure::Script(code)) => Some(format!("exit status {code}")),
        Err(Failure::ScriptTimedOut(limit)) => Some(format!("it took longer than {}", in_words(*limit))),
        _ => None,
    };
    let ended = match what {
        Some(what) if context.settings.after_script_ignores_errors => {
            shell.warn(&format!(
                "after_script failed, but job will continue unaffected: {what}"
            ));
            Ok(())
        }
        _ => ended,
    };
    shell.close("after_script");
    ended
}

/// Whether a job that ended so still runs its `after_script`.
fn runs_after_script(result: &Result<(), Failure>) -> bool {
    matches!(
        result,
        Ok(()) | Err(Failure::Script(_) | Failure::Canceled | Failure::ScriptTimedOut(_))
    )
}

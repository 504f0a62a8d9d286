//! What every stage of a job looks at: the job, its place, its variables; and how a script is run in it.

use wire::runner::{Job, Variable};

use super::dirs::Dirs;
use super::settings::Settings;
use super::stage::{Failure, Program, Shell, Watch};
use super::variables::expand;
use super::{Place, inputs, script};
use crate::trace::Source;

/// Bytes that the system takes for one variable: 32 pages, with the name, the sign and the end.
const MAX_VARIABLE_BYTES: usize = 131_072;
/// Bytes that all variables together may have, well below what the system takes for them and the arguments.
const MAX_ENVIRONMENT_BYTES: usize = 1 << 20;
/// A variable of this size is never too much.
const SMALL_BYTES: usize = 4096;

/// Everything a stage needs to know about its job.
pub(super) struct Context<'a> {
    pub(super) job: &'a Job,
    pub(super) place: &'a Place,
    pub(super) dirs: &'a Dirs,
    pub(super) settings: &'a Settings,
    /// Expanded, the last of each name.
    pub(super) variables: &'a [Variable],
}

impl Context<'_> {
    /// Returns the environment of a stage.
    pub(super) fn environment(&self, job_status: &str) -> Vec<(String, String)> {
        let value = |variable: &Variable| {
            if variable.file {
                self.dirs.file_variable(&variable.key).to_string_lossy().into_owned()
            } else if variable.key == "CI_JOB_STATUS" {
                job_status.to_owned()
            } else {
                variable.value.clone()
            }
        };
        let all = self.variables.iter();
        let all = all.filter(|variable| !self.is_oversized(variable));
        all.map(|variable| (variable.key.clone(), value(variable))).collect()
    }

    /// The variables that no program can be given: the system takes none longer, and only so much together.
    pub(super) fn oversized(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().filter(|variable| self.is_oversized(variable))
    }

    fn is_oversized(&self, variable: &Variable) -> bool {
        let bytes = |variable: &Variable| variable.key.len() + variable.value.len() + 2;
        if variable.file || bytes(variable) <= SMALL_BYTES {
            return false;
        }
        // Of those that are too much together the last ones stay behind.
        let passed = self.variables.iter().filter(|variable| !variable.file);
        let before = passed.take_while(|other| !std::ptr::eq(*other, variable));
        let before: usize = before.map(bytes).filter(|bytes| *bytes <= MAX_VARIABLE_BYTES).sum();
        bytes(variable) > MAX_VARIABLE_BYTES || before + bytes(variable) > MAX_ENVIRONMENT_BYTES
    }

    /// Returns `text` with the job's variables in place of their names.
    pub(super) fn expand(&self, text: &str) -> String {
        expand(text, |name| {
            match self.variables.iter().find(|variable| variable.key == name) {
                Some(variable) if variable.file => self.dirs.file_variable(name).to_string_lossy().into_owned(),
                Some(variable) => variable.value.clone(),
                None => String::new(),
            }
        })
    }

    /// Returns shell text for the lines of a step.
    pub(super) fn step(&self, lines: &[String]) -> Result<String, Failure> {
        let lines: Result<Vec<_>, _> = lines
            .iter()
            .map(|line| inputs::interpolate(line, &self.job.inputs))
            .collect();
        let lines = lines.map_err(Failure::Configuration)?;
        let kept: Vec<(&str, &str)> = self
            .oversized()
            .map(|variable| (variable.key.as_str(), variable.value.as_str()))
            .collect();
        Ok(script::step(
            &kept,
            &lines,
            &self.place.site.prepared.shell_name,
            self.settings.trace_commands,
        ))
    }

    pub(super) async fn run_script(
        &self,
        shell: &mut Shell<'_>,
        watch: &mut Watch,
        name: &str,
        text: &str,
        env: Vec<(String, String)>,
        source: Source,
    ) -> Result<(), Failure> {
        let file = self.write_script(name, text).await?;
        let argv = self.shell_command(&file);
        shell
            .run(
                watch,
                Program {
                    argv,
                    env,
                    dir: &self.dirs.project,
                    limit: None,
                    keep_rest: false,
                    source,
                },
            )
            .await
    }

    pub(super) fn shell_command(&self, file: &str) -> Vec<String> {
        let shell = self.place.site.prepared.shell.to_string_lossy().into_owned();
        match self.place.site.prepared.shell_name.as_str() {
            "bash" => vec![shell, "--noprofile".to_owned(), "--norc".to_owned(), file.to_owned()],
            _ => vec![shell, file.to_owned()],
        }
    }

    /// Writes a file that the job's processes can read and returns its path.
    pub(super) async fn write_script(&self, name: &str, text: &str) -> Result<String, Failure> {
        let (dirs, path, text) = (self.dirs.clone(), self.dirs.temporary.join(name), text.to_owned());
        let shown = path.to_string_lossy().into_owned();
        match tokio::task::spawn_blocking(move || dirs.write(&path, text.as_bytes())).await {
            Ok(Ok(())) => Ok(shown),
            Ok(Err(error)) => Err(Failure::System(format!("cannot write `{shown}`: {error}"))),
            Err(error) => Err(Failure::System(error.to_string())),
        }
    }
}

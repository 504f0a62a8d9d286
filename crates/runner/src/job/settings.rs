//! What variables tell the runner to do differently.

use std::time::Duration;

use wire::runner::Job;

/// Time for `after_script` unless the job names another.
const AFTER_SCRIPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Timeout of a job whose server names none.
const JOB_TIMEOUT: Duration = Duration::from_secs(7200);

/// Most attempts a job may ask for.
const MOST_ATTEMPTS: u32 = 10;

/// The settings of one job.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) job_timeout: Duration,
    pub(super) script_timeout: Option<Duration>,
    pub(super) after_script_timeout: Duration,
    /// Whether a failing `after_script` leaves a good job good.
    pub(super) after_script_ignores_errors: bool,
    /// `set -x` in scripts.
    pub(super) trace_commands: bool,
    pub(super) source_attempts: u32,
    pub(super) download_attempts: u32,
    pub(super) strategy: Strategy,
}

/// `GIT_STRATEGY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Use the folder of the last job.
    Fetch,
    /// Start from nothing.
    Clone,
    /// Leave the folder as it is.
    None,
    /// An empty folder.
    Empty,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// The sentence for the log when a value makes no sense and guessing would do harm.
    pub(super) fn read(job: &Job, get: impl Fn(&str) -> String) -> Result<Settings, String> {
        let seconds = u64::try_from(job.runner_info.timeout).unwrap_or(0);
        Ok(Settings {
            job_timeout: if seconds == 0 {
                JOB_TIMEOUT
            } else {
                Duration::from_secs(seconds)
            },
            script_timeout: duration(&get("RUNNER_SCRIPT_TIMEOUT"), "RUNNER_SCRIPT_TIMEOUT")?,
            after_script_timeout: duration(&get("RUNNER_AFTER_SCRIPT_TIMEOUT"), "RUNNER_AFTER_SCRIPT_TIMEOUT")?
                .unwrap_or(AFTER_SCRIPT_TIMEOUT),
            after_script_ignores_errors: flag(&get("AFTER_SCRIPT_IGNORE_ERRORS"), true),
            trace_commands: flag(&get("CI_DEBUG_TRACE"), false),
            source_attempts: attempts(&get("GET_SOURCES_ATTEMPTS")),
            download_attempts: attempts(&get("ARTIFACT_DOWNLOAD_ATTEMPTS")),
            strategy: match get("GIT_STRATEGY").as_str() {
                "fetch" => Strategy::Fetch,
                "clone" => Strategy::Clone,
                "none" => Strategy::None,
                "empty" => Strategy::Empty,
                "" if job.git_info.is_none() => Strategy::None,
                "" if job.allow_git_fetch => Strategy::Fetch,
                "" => Strategy::Clone,
                other => {
                    return Err(format!(
                        "unknown GIT_STRATEGY `{other}`; expected `fetch`, `clone`, `none` or `empty`"
                    ));
                }
            },
        })
    }
}

/// Reads a boolean variable as Go does; anything else counts as `default`.
pub(super) fn flag(text: &str, default: bool) -> bool {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => default,
    }
}

fn attempts(text: &str) -> u32 {
    text.trim()
        .parse()
        .ok()
        .filter(|attempts| (1..=MOST_ATTEMPTS).contains(attempts))
        .unwrap_or(1)
}

/// Reads a duration as Go writes it (`1h30m`, `90s`, `1.5h`); empty or zero is none.
fn duration(text: &str, name: &str) -> Result<Option<Duration>, String> {
    let text = text.trim();
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let wrong = || format!("{name} is `{text}`; expected a duration such as `90s` or `1h30m`");
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let value: f64 = rest[..number].parse().map_err(|_| wrong())?;
        rest = &rest[number..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += value
            * match &rest[..unit] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(wrong()),
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total)
        .map(|duration| Some(duration).filter(|d| !d.is_zero()))
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, seconds) in [
            ("90m", 5400.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("250ms", 0.25),
            ("10s", 10.0),
        ] {
            assert_eq!(duration(text, "X").unwrap().unwrap().as_secs_f64(), seconds, "{text}");
        }
        assert_eq!(duration("", "X").unwrap(), None);
        for wrong in ["90", "h", "1x", "-5m", "5 m"] {
            assert!(duration(wrong, "X").unwrap_err().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_strategy_comes_from_the_variable_or_the_server() {
        let strategy = |value: &str, allow_git_fetch, repository: bool| {
            let job = Job {
                allow_git_fetch,
                git_info: repository.then(Default::default),
                ..Job::default()
            };
            Settings::read(&job, |name| {
                if name == "GIT_STRATEGY" {
                    value.to_owned()
                } else {
                    String::new()
                }
            })
            .map(|settings| settings.strategy)
        };
        assert_eq!(strategy("", true, true), Ok(Strategy::Fetch));
        assert_eq!(strategy("", false, true), Ok(Strategy::Clone));
        assert_eq!(strategy("", true, false), Ok(Strategy::None));
        assert_eq!(strategy("empty", true, true), Ok(Strategy::Empty));
        assert!(strategy("pull", true, true).unwrap_err().contains("`pull`"));
    }
}

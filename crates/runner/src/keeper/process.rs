//! The keeper's side: one loop over commands and ended children.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};

use super::children::{self, ChildEvent};
use super::private::{self, Means};
use super::sandbox::SandboxThread;
use super::{Command, ProcessLimits, Protection, REAP_LIMIT, Report, Run, Sandbox};

/// Pause between two looks for processes that have to go.
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// Pause before the first look: mostly nothing is left, and the kernel says so at once.
const SETTLE_TIME: Duration = Duration::from_millis(2);

/// Makes the kernel prefer jobs over everything else when memory runs out.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Runs the keeper until its input ends.
pub(super) fn run() -> ExitCode {
    match prepare() {
        Ok(means) => Keeper::new(means).serve(),
        Err(error) => {
            eprintln!("cannot prepare the job keeper: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn prepare() -> io::Result<Means> {
    close_inherited_files()?;
    // Away from the terminal of the runner; already done when it was started as a leader.
    let _ = nix::unistd::setsid();
    nix::sys::prctl::set_child_subreaper(true)?;
    // Other users are kept out by the folder above; 022 is what images and packages built by jobs expect.
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let _ = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    Ok(private::prepare())
}

/// Closes every file but the standard ones: what the server inherited must not reach a job.
fn close_inherited_files() -> io::Result<()> {
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in open {
        // One of them was the folder's own handle and is closed already.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}

enum Event {
    Command(Command),
    InputEnded,
    Child(ChildEvent),
}

struct Keeper {
    means: Means,
    events: Receiver<Event>,
    wake: Sender<()>,
    spawn_lock: Arc<Mutex<()>>,
    sandbox: Option<Result<SandboxThread, String>>,
    current: Option<Current>,
    /// The runner has nothing more to say: leave when all are dead.
    leaving: bool,
    /// Everything has to die.
    killing: Option<Killing>,
}

/// Since when everything has to die, and when to look again.
#[derive(Clone, Copy)]
struct Killing {
    since: Instant,
    next: Instant,
}

impl Killing {
    fn begin() -> Killing {
        let since = Instant::now();
        Killing {
            since,
            next: since + SETTLE_TIME,
        }
    }
}

/// The run in progress.
struct Current {
    pid: i32,
    marker: String,
    keep_rest: bool,
    ended: Option<(Option<i32>, Option<i32>)>,
}

impl Keeper {
    fn new(means: Means) -> Keeper {
        let (sender, events) = channel();
        let (wake, woken) = channel();
        let spawn_lock = Arc::new(Mutex::new(()));
        let from_children = sender.clone();
        children::watch(woken, Arc::clone(&spawn_lock), move |event| {
            from_children.send(Event::Child(event)).is_ok()
        });
        thread::spawn(move || read_commands(&sender));
        Keeper {
            means,
            events,
            wake,
            spawn_lock,
            sandbox: None,
            current: None,
            leaving: false,
            killing: None,
        }
    }

    fn serve(&mut self) {
        loop {
            let event = match self.killing {
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                // Children that end without pause must not put off the look for those that live.
                Some(killing) => match killing.next.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => Err(RecvTimeoutError::Timeout),
                    wait => self.events.recv_timeout(wait),
                },
            };
            match event {
                Ok(Event::Command(command)) => self.command(command),
                Ok(Event::Child(event)) => self.child(event),
                Ok(Event::InputEnded) => {
                    self.leaving = true;
                    self.kill_rest();
                }
                Err(RecvTimeoutError::Timeout) => self.kill_again(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.leaving && self.killing.is_none() {
                return;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Limit(limits) => limit(&limits),
            Command::Begin(sandbox) => self.begin(sandbox),
            Command::Run(run) => self.start(run),
            Command::Signal { force: true } => self.kill_rest(),
            Command::Signal { force: false } => {
                children::signal_all(Signal::SIGTERM);
            }
            Command::End { marker } => self.end(marker),
        }
    }

    fn begin(&mut self, mut sandbox: Sandbox) {
        if self.means == Means::None {
            sandbox.private.clear();
        }
        self.sandbox = Some(SandboxThread::start(sandbox, Arc::clone(&self.spawn_lock)));
    }

    /// Ends the job like a run that is over and leaves nothing behind.
    fn end(&mut self, marker: String) {
        self.current = Some(Current {
            pid: 0,
            marker,
            keep_rest: false,
            ended: Some((Some(0), None)),
        });
        self.killing = Some(Killing::begin());
        children::woken(&self.wake);
    }

    fn start(&mut self, run: Run) {
        let marker = run.marker.clone();
        let keep_rest = run.keep_rest;
        let started = match &self.sandbox {
            Some(Ok(sandbox)) => sandbox.run(run),
            Some(Err(error)) => Err(error.clone()),
            None => Err("no job has begun".to_owned()),
        };
        match started {
            Ok(pid) => {
                self.current = Some(Current {
                    pid: pid.cast_signed(),
                    marker,
                    keep_rest,
                    ended: None,
                });
                self.killing = None;
                children::woken(&self.wake);
            }
            Err(error) => self.report(&marker, None, None, Some(error), 0),
        }
    }

    fn child(&mut self, event: ChildEvent) {
        match event {
            ChildEvent::Gone { pid, code, signal } => {
                let Some(current) = self.current.as_mut().filter(|current| current.pid == pid) else {
                    return;
                };
                current.ended = Some((code, signal));
                if current.keep_rest && self.killing.is_none() {
                    self.finish(0);
                } else {
                    self.killing.get_or_insert_with(Killing::begin);
                }
            }
            ChildEvent::None => {
                if self.current.as_ref().is_some_and(|current| current.ended.is_none()) {
                    return; // stale, from before this run
                }
                self.finish(0);
                self.killing = None;
            }
        }
    }

    fn kill_rest(&mut self) {
        self.kill_sandbox();
        if children::signal_all(Signal::SIGKILL) > 0 || self.current.is_some() {
            self.killing.get_or_insert_with(Killing::begin);
            children::woken(&self.wake);
        }
    }

    fn kill_sandbox(&self) {
        if let Some(Ok(sandbox)) = &self.sandbox {
            sandbox.kill_all();
        }
    }

    fn kill_again(&mut self) {
        self.kill_sandbox();
        let left = children::signal_all(Signal::SIGKILL);
        let gave_up = self.killing.is_some_and(|killing| killing.since.elapsed() > REAP_LIMIT);
        let ended = self.current.as_ref().is_none_or(|current| current.ended.is_some());
        if gave_up || (left == 0 && ended) {
            self.finish(left);
            self.killing = None;
        } else if let Some(killing) = &mut self.killing {
            killing.next = Instant::now() + KILL_INTERVAL;
        }
    }

    /// Reports the run in progress, if there is one.
    fn finish(&mut self, unkillable: usize) {
        if let Some(current) = self.current.take() {
            let (code, signal) = current.ended.unwrap_or((None, Some(Signal::SIGKILL as i32)));
            self.report(&current.marker, code, signal, None, unkillable);
        }
    }

    fn report(&self, marker: &str, code: Option<i32>, signal: Option<i32>, error: Option<String>, unkillable: usize) {
        let protection = match &self.sandbox {
            Some(Ok(sandbox)) => sandbox.protection(),
            _ => Protection::None,
        };
        let report = Report {
            code,
            signal,
            error,
            protection,
            unkillable,
        };
        let mut line = serde_json::to_vec(&report).expect("a report has only plain fields");
        line.push(b'\n');
        // When nobody reads any more, the end of the input follows.
        let mut output = io::stdout().lock();
        let _ = output.write_all(marker.as_bytes()).and_then(|()| output.flush());
        let _ = io::stderr().lock().write_all(&line);
    }
}

fn read_commands(events: &Sender<Event>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(command) => {
                if events.send(Event::Command(command)).is_err() {
                    return;
                }
            }
            Err(_) => break, // not our runner
        }
    }
    let _ = events.send(Event::InputEnded);
}

/// Sets the limits that all processes of jobs inherit; what the system allows less of stays less.
fn limit(limits: &ProcessLimits) {
    let wanted = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NPROC, limits.processes),
        (Resource::RLIMIT_FSIZE, limits.file_bytes),
    ];
    for (resource, value) in wanted {
        let Ok((_, hard)) = getrlimit(resource) else { continue };
        let _ = setrlimit(resource, value.min(hard), value.min(hard));
    }
}

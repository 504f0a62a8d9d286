//! Waiting for, finding and killing everything below the keeper.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// What happened to the keeper's children.
pub(super) enum ChildEvent {
    /// One ended: its id, and exit code or signal.
    Gone {
        pid: i32,
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// None is left.
    None,
}

/// Reaps children and tells about each, as long as `report` finds somebody who listens.
///
/// A message on `wake` says that there is a child again. `spawn_lock` is respected while
/// reaping: the standard library itself waits for a child whose program cannot be executed, and
/// must find it. A stale [`ChildEvent::None`] may come, but never after the end of a child that
/// was started after it.
pub(super) fn watch(
    wake: Receiver<()>,
    spawn_lock: Arc<Mutex<()>>,
    report: impl Fn(ChildEvent) -> bool + Send + 'static,
) {
    thread::spawn(move || {
        while wake.recv().is_ok() {
            while let Some(event) = next(&spawn_lock) {
                let last = matches!(event, ChildEvent::None);
                if !report(event) {
                    return;
                }
                if last {
                    break;
                }
            }
        }
    });
}

/// Wakes the watcher; nothing happens when it is gone.
pub(super) fn woken(wake: &Sender<()>) {
    let _ = wake.send(());
}

fn next(spawn_lock: &Mutex<()>) -> Option<ChildEvent> {
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return Some(ChildEvent::None),
        }
        let _held = spawn_lock.lock();
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                return Some(ChildEvent::Gone {
                    pid: pid.as_raw(),
                    code: Some(code),
                    signal: None,
                });
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some(ChildEvent::Gone {
                    pid: pid.as_raw(),
                    code: None,
                    signal: Some(signal as i32),
                });
            }
            _ => {}
        }
    }
}

/// Sends `signal` to every process below this one and returns how many there are.
pub(super) fn signal_all(signal: Signal) -> usize {
    let all = descendants();
    for pid in &all {
        let _ = kill(Pid::from_raw(*pid), signal);
    }
    all.len()
}

/// Returns the ids of all living processes below this one.
fn descendants() -> Vec<i32> {
    let parents = living_processes();
    let mut found = vec![std::process::id().cast_signed()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, its_parent)| *its_parent == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.remove(0);
    found
}

/// Returns (process, parent) of all processes that are not zombies.
fn living_processes() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        Some((
            pid,
            parent_in_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?,
        ))
    })
    .collect()
}

/// Returns the parent from the text of `/proc/PID/stat`; `None` for a zombie.
fn parent_in_stat(stat: &str) -> Option<i32> {
    // The program's name stands in brackets and may itself hold brackets and blanks.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_program_name() {
        assert_eq!(parent_in_stat("12 (sh) S 7 12"), Some(7));
        assert_eq!(parent_in_stat("12 (a) R 1 (b) S 7 12"), Some(7));
        assert_eq!(parent_in_stat("12 (sh) Z 7 12"), None);
        assert_eq!(parent_in_stat("nonsense"), None);
    }
}

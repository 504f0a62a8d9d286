//! The sandbox thread: Landlock restricts one thread and what it starts, so each job gets a
//! thread of its own, which starts all of the job's programs. The keeper itself stays free.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::{fs, io, thread};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Protection, Run, SELF, Sandbox, private};

/// The newest set of rights this code was written and tested for.
pub(super) const LANDLOCK_ABI: ABI = ABI::V6;

/// Files of `/dev` that programs take for granted.
const DEVICES: [&str; 10] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
    "/dev/fd",
];

/// Starts and kills the programs of one job.
pub(super) struct SandboxThread {
    orders: Sender<Order>,
    started: Receiver<Result<u32, String>>,
    protection: Protection,
}

/// What the thread is asked for.
enum Order {
    Run(Run),
    Kill,
}

impl SandboxThread {
    /// Starts a thread that can do only what `sandbox` says.
    ///
    /// `spawn_lock` is held while a process is being started, see [`super::children`].
    pub(super) fn start(sandbox: Sandbox, spawn_lock: Arc<Mutex<()>>) -> Result<SandboxThread, String> {
        let (orders, inbox) = channel::<Order>();
        let (outbox, started) = channel();
        let (ready, protected) = channel();
        thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                let user = sandbox.user;
                let _ = ready.send(restrict(&sandbox));
                for order in inbox {
                    match order {
                        Order::Run(run) => {
                            let _held = spawn_lock.lock();
                            let _ = outbox.send(spawn(&run, user).map_err(|error| describe(&run, &error)));
                        }
                        Order::Kill => kill_domain(),
                    }
                }
            })
            .map_err(|error| format!("cannot start the sandbox thread: {error}"))?;
        let protection = protected.recv().map_err(|_| "the sandbox thread ended".to_owned())??;
        Ok(SandboxThread {
            orders,
            started,
            protection,
        })
    }

    /// Starts a program and returns its process id.
    pub(super) fn run(&self, run: Run) -> Result<u32, String> {
        self.orders
            .send(Order::Run(run))
            .map_err(|_| "the sandbox thread ended".to_owned())?;
        self.started.recv().map_err(|_| "the sandbox thread ended".to_owned())?
    }

    /// Kills all processes of the job in one stroke, where the kernel can tell which they are.
    ///
    /// Those that fork and end faster than somebody can read the list of processes are caught by this only. The signal
    /// goes to everybody whom this thread may signal, which is the job, if Landlock keeps signals inside; otherwise
    /// nothing is done here.
    pub(super) fn kill_all(&self) {
        if self.protection == Protection::Full {
            let _ = self.orders.send(Order::Kill);
        }
    }

    pub(super) const fn protection(&self) -> Protection {
        self.protection
    }
}

fn describe(run: &Run, error: &io::Error) -> String {
    let program = run.argv.first().map_or("", String::as_str);
    format!("cannot start `{program}` in `{}`: {error}", run.dir.display())
}

fn spawn(run: &Run, user: Option<(u32, u32)>) -> io::Result<u32> {
    let (program, arguments) = run.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let mut command = if program == SELF {
        // The keeper was started by the launcher's words alone; they lead to the job shell again.
        let mut command = Command::new("/proc/self/exe");
        command.args(std::env::args_os().skip(1));
        command
    } else {
        Command::new(program)
    };
    command
        .args(arguments)
        .env_clear()
        .envs(run.env.iter().map(|(key, value)| (key, value)))
        .current_dir(&run.dir)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    // The waiting is done by `children`, for all processes alike.
    command.spawn().map(|child| child.id())
}

/// Kills everybody whom the calling thread may signal, which must be the processes of its Landlock domain only.
fn kill_domain() {
    // The runner is outside. Whoever could signal it here would end the whole machine.
    if kill(Pid::parent(), None) == Err(Errno::EPERM) {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    }
}

/// Restricts the calling thread for good.
fn restrict(sandbox: &Sandbox) -> Result<Protection, String> {
    private::give(sandbox).map_err(|error| format!("cannot give the job folders of its own: {error}"))?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| format!("cannot give up new privileges: {error}"))?;
    landlock(sandbox).map_err(|error| format!("cannot apply Landlock: {error}"))
}

fn landlock(sandbox: &Sandbox) -> Result<Protection, landlock::RulesetError> {
    let everything = AccessFs::from_all(LANDLOCK_ABI);
    let reading = AccessFs::from_read(LANDLOCK_ABI);
    let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> = Vec::new();
    for path in &sandbox.read {
        allow(path, reading, &sandbox.denied, &mut rules);
    }
    // In folders of its own the job does what it likes: nothing that is denied to it is there.
    for path in sandbox.write.iter().filter(|path| !sandbox.private.contains(path)) {
        allow(path, everything, &sandbox.denied, &mut rules);
    }
    rules.extend(sandbox.private.iter().map(|path| (path.clone(), everything)));
    rules.extend(DEVICES.iter().map(|path| (PathBuf::from(path), everything)));
    rules.extend(sandbox.own_read.iter().map(|path| (path.clone(), reading)));
    rules.extend(sandbox.own_write.iter().map(|path| (path.clone(), everything)));
    // By this name it is found even if its folder is covered by one of the job's own.
    rules.push((PathBuf::from("/proc/self/exe"), reading));

    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .scope(Scope::from_all(LANDLOCK_ABI))?
        .create()?;
    for (path, access) in rules {
        let Ok(handle) = PathFd::new(&path) else { continue };
        let is_dir = fs::metadata(&path).is_ok_and(|found| found.is_dir());
        let access = if is_dir {
            access
        } else {
            access & AccessFs::from_file(LANDLOCK_ABI)
        };
        ruleset = ruleset.add_rule(PathBeneath::new(handle, access))?;
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Protection::Full,
        RulesetStatus::PartiallyEnforced => Protection::Partial,
        RulesetStatus::NotEnforced => Protection::None,
    })
}

/// Allows `path` and all below it except `denied`: Landlock knows no exceptions, so a folder
/// with something denied inside is replaced by its other entries.
fn allow(path: &Path, access: BitFlags<AccessFs>, denied: &[PathBuf], rules: &mut Vec<(PathBuf, BitFlags<AccessFs>)>) {
    // A link could lead around the denied paths; those are real paths.
    let Ok(path) = fs::canonicalize(path) else { return };
    if denied.iter().any(|denied| path.starts_with(denied)) {
        return;
    }
    if !denied.iter().any(|denied| denied.starts_with(&path)) {
        rules.push((path, access));
        return;
    }
    let Ok(entries) = fs::read_dir(&path) else { return };
    for entry in entries.flatten() {
        // A link inside may lead to where nothing is allowed; only what lies here is meant.
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            allow(&entry.path(), access, denied, rules);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_denied_inside_is_replaced_by_its_other_entries() {
        let root = std::env::temp_dir().join(format!("tripline-allow-{}", std::process::id()));
        for folder in ["a/data/key", "a/other", "b"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let root = fs::canonicalize(root).unwrap();
        let mut rules = Vec::new();
        allow(&root, AccessFs::ReadFile.into(), &[root.join("a/data")], &mut rules);
        let mut allowed: Vec<_> = rules.into_iter().map(|(path, _)| path).collect();
        allowed.sort();
        assert_eq!(allowed, [root.join("a/other"), root.join("b")]);
        fs::remove_dir_all(root).unwrap();
    }
}

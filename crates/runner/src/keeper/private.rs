//! Folders that each job has for itself although programs know them by one name: `/tmp`, `/var/tmp`, `/dev/shm`.
//!
//! A mount namespace puts folders of the job in their place, which are gone with it. The keeper prepares one for all
//! jobs of its slot when it starts: as root at once, otherwise inside a user namespace, where the system lets everybody
//! have one. Each job's sandbox thread then takes a copy of it, before Landlock forbids to mount anything. Where none
//! of this is possible the folders stay the machine's, and the runner says so when it starts.
//!
//! Knows folders and mounts; which folders, and whose, the runner says.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use serde::{Deserialize, Serialize};

use super::{PROBE, PROTECTIONS, Sandbox};

/// The folders.
pub(crate) const FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The one that is memory: what is in it must be fast and needs no disk. The system limits it to half of the memory.
const MEMORY: &str = "/dev/shm";

/// Settings of OpenSSH, which it refuses to read when they belong to neither root nor its user.
const SSH_SETTINGS: &str = "/etc/ssh/ssh_config.d";

/// How jobs get folders of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Means {
    /// By mount namespaces.
    Mounts,
    /// By mount namespaces inside a user namespace: the keeper is not root.
    UserNamespace,
    /// Not at all.
    #[default]
    None,
}

/// Prepares the namespaces of this process for those of its jobs. Must come before its first thread.
pub(super) fn prepare() -> Means {
    // What the machine mounts later is to appear, what jobs mount is not.
    if unshare(CloneFlags::CLONE_NEWNS).is_ok() && follow_only().is_ok() {
        return Means::Mounts;
    }
    // Root that may not mount (in many containers) has to become the jobs' user, who would not be in the namespace.
    if nix::unistd::geteuid().is_root() {
        return Means::None;
    }
    // There is no way back out of a user namespace, so another process tries first.
    let mut probe = Command::new("/proc/self/exe");
    // The launcher's words lead to the job shell; one more of its own would lead to what asks here.
    let launcher = std::env::args_os().skip(1).filter(|word| word != PROTECTIONS);
    probe.args(launcher).arg(PROBE);
    probe
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) && enter_user_namespace().is_ok() {
        return Means::UserNamespace;
    }
    Means::None
}

/// Tries everything that [`prepare`] and [`give`] do in a user namespace.
pub(super) fn probe() -> io::Result<()> {
    enter_user_namespace()?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount_memory(Path::new("/dev/shm"))?;
    bind(Path::new("/var"), Path::new("/tmp"))
}

fn follow_only() -> io::Result<()> {
    let flags = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    Ok(mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)?)
}

/// Moves this process into a user namespace in which it may mount, and is the user that it was.
fn enter_user_namespace() -> io::Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    // Without this no map of groups may be written; nobody here may change groups anyway.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    follow_only()?;
    own_settings(Path::new(SSH_SETTINGS))
}

/// Puts a copy in the place of a folder: seen from a user namespace the files in it belong to nobody.
fn own_settings(folder: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    let read = |entry: fs::DirEntry| Some((entry.file_name(), fs::read(entry.path()).ok()?));
    let files: Vec<_> = entries.flatten().filter_map(read).collect();
    if files.is_empty() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=755,size=1m"))?;
    for (name, content) in files {
        File::create_new(folder.join(name))?.write_all(&content)?;
    }
    Ok(())
}

/// Gives the calling thread, and what it starts, folders of its own for `sandbox.private`.
///
/// # Errors
///
/// When the system refuses; what was mounted until then is seen by this thread alone.
pub(super) fn give(sandbox: &Sandbox) -> io::Result<()> {
    if sandbox.private.is_empty() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    // The job's own folders may lie in one that is about to be covered.
    let inside = |path: &PathBuf| sandbox.private.iter().any(|folder| path.starts_with(folder));
    let own = |paths: &[PathBuf], writable: bool| {
        let inside: Vec<PathBuf> = paths.iter().filter(|path| inside(path)).cloned().collect();
        let hold = move |path: PathBuf| Ok((File::open(&path)?, path, writable));
        inside.into_iter().map(hold).collect::<io::Result<Vec<_>>>()
    };
    let mut kept = own(&sandbox.own_read, false)?;
    kept.extend(own(&sandbox.own_write, true)?);
    let mut storage = Vec::new();
    for (index, folder) in sandbox.private.iter().enumerate() {
        if folder != Path::new(MEMORY) {
            storage.push((File::open(own_folder(sandbox, index)?)?, folder));
        }
    }
    for (file, folder) in &storage {
        bind(&held(file), folder)?;
    }
    if sandbox.private.iter().any(|folder| folder == Path::new(MEMORY)) {
        mount_memory(Path::new(MEMORY))?;
    }
    for (file, path, writable) in &kept {
        fs::create_dir_all(path)?;
        bind(&held(file), path)?;
        if !writable {
            read_only(path)?;
        }
    }
    Ok(())
}

/// The folder that takes the place of one: the first is the job's `$TMPDIR`, others are made beside it.
fn own_folder(sandbox: &Sandbox, index: usize) -> io::Result<PathBuf> {
    if index == 0 {
        return Ok(sandbox.scratch.join("tmp"));
    }
    let path = sandbox.scratch.join(format!("tmp{index}"));
    DirBuilder::new().mode(0o700).create(&path)?;
    if let Some((uid, gid)) = sandbox.user {
        chown(&path, Some(uid), Some(gid))?;
    }
    Ok(path)
}

fn mount_memory(folder: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=1777"))?)
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    Ok(mount(
        Some(source),
        target,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )?)
}

fn read_only(path: &Path) -> io::Result<()> {
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    // What the mount below does not allow must not be allowed now either.
    let present = statvfs(path)?.flags();
    for (is, keep) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if present.contains(is) {
            flags |= keep;
        }
    }
    Ok(mount(None::<&str>, path, None::<&str>, flags, None::<&str>)?)
}

/// The path by which an open folder is reached when its own is covered.
fn held(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

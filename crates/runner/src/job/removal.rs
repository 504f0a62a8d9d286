//! Removing what jobs leave: folders of any depth, with nothing in them to be believed.
//!
//! A path can be longer than any path that the system takes, and a folder deeper than any stack: whoever walks down such
//! a tree, one call inside the other, ends with the whole process. So a tree is made flat first: what is not empty is
//! moved up to the top, and only folders directly below the top are ever looked into. Links are not followed, also not
//! when something puts one in a folder's place meanwhile.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Removes a file, a link, or a folder and all below it; a missing one is fine.
///
/// # Errors
///
/// What the system says, for instance of a folder that belongs to somebody else.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = fs::File::open(above.unwrap_or(Path::new(".")))?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let name = CString::new(name.as_encoded_bytes()).map_err(io::Error::other)?;
    let mut top = open(above.as_fd(), &name)?;
    let top_handle = top.as_fd().try_clone_to_owned()?;
    let mut moved = 0;
    loop {
        let folders = empty(&mut top, top_handle.as_fd(), &mut moved, Nonempty::Stays)?;
        if folders.is_empty() {
            break;
        }
        for folder in folders {
            let mut below = open(top_handle.as_fd(), &folder)?;
            empty(&mut below, top_handle.as_fd(), &mut moved, Nonempty::MovesUp)?;
            unlinkat(top_handle.as_fd(), &*folder, UnlinkatFlags::RemoveDir)?;
        }
    }
    unlinkat(above.as_fd(), &*name, UnlinkatFlags::RemoveDir)?;
    Ok(())
}

/// What happens to folders that are not empty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nonempty {
    Stays,
    MovesUp,
}

/// Removes what can be removed at once; returns the folders that stay.
fn empty(folder: &mut Dir, top: BorrowedFd<'_>, moved: &mut u64, rest: Nonempty) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in folder.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    let folder = folder.as_fd();
    let mut stay = Vec::new();
    for name in names {
        match unlinkat(folder, &*name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => continue,
            Err(Errno::EISDIR | Errno::EPERM) => {}
            Err(error) => return Err(error.into()),
        }
        match unlinkat(folder, &*name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => continue,
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        match rest {
            Nonempty::Stays => stay.push(name),
            Nonempty::MovesUp => move_up(folder, &name, top, moved)?,
        }
    }
    Ok(stay)
}

/// Moves a folder to the top, under a name that is free there.
fn move_up(folder: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, moved: &mut u64) -> io::Result<()> {
    // To be moved a folder has to be writable: its entry for the one above it changes.
    let _ = fchmodat(folder, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink);
    loop {
        *moved += 1;
        let fresh = CString::new(format!(".removed-{moved}")).map_err(io::Error::other)?;
        match renameat(folder, name, top, &*fresh) {
            Ok(()) => return Ok(()),
            Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn open(above: BorrowedFd<'_>, name: &CStr) -> io::Result<Dir> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
    let handle = match openat(above, name, flags, Mode::empty()) {
        Err(Errno::EACCES) => {
            // The job may have closed a folder of its own.
            fchmodat(above, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            openat(above, name, flags, Mode::empty())?
        }
        other => other?,
    };
    Ok(Dir::from_fd(handle)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::sys::stat::mkdirat;

    use super::*;

    fn place(name: &str) -> std::path::PathBuf {
        let place = std::env::temp_dir().join(format!("tripline-removal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        place
    }

    #[test]
    fn a_tree_deeper_than_any_stack_and_any_path_is_removed() {
        let place = place("deep");
        let top = place.join("top");
        fs::create_dir(&top).unwrap();
        let mut folder = open(fs::File::open(&place).unwrap().as_fd(), c"top").unwrap();
        for _ in 0..3_000 {
            mkdirat(&folder, c"d", Mode::S_IRWXU).unwrap();
            folder = open(folder.as_fd(), c"d").unwrap();
        }
        // On a small stack, which one call inside the other would leave at once.
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        thread.spawn(move || remove(&top).unwrap()).unwrap().join().unwrap();
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        fs::remove_dir(place).unwrap();
    }

    #[test]
    fn links_closed_folders_and_taken_names_are_removed_and_nothing_else() {
        let place = place("links");
        let (top, outside) = (place.join("top"), place.join("outside"));
        for folder in ["top/a/b/c", "top/.removed-1/x/y", "top/a/.removed-2/z", "outside"] {
            fs::create_dir_all(place.join(folder)).unwrap();
        }
        fs::write(outside.join("kept"), "").unwrap();
        fs::write(top.join("a/b/c/file"), "").unwrap();
        symlink(&outside, top.join("link")).unwrap();
        symlink(&outside, top.join("a/b/link")).unwrap();
        for closed in ["a/b/c", "a/b"] {
            fs::set_permissions(top.join(closed), fs::Permissions::from_mode(0o000)).unwrap();
        }
        remove(&top).unwrap();
        assert!(!top.exists() && outside.join("kept").exists());
        symlink(&outside, &top).unwrap();
        remove(&top).unwrap();
        assert!(fs::symlink_metadata(&top).is_err() && outside.join("kept").exists());
        remove(&top).unwrap();
        remove(&place).unwrap();
    }
}

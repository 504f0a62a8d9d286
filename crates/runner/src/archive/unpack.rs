//! Unpacks archives: into the project folder and nowhere else, and no more than allowed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use nix::libc::O_NOFOLLOW;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::{ArchiveError, UnpackOrder};
use crate::calendar;

/// Longest target of a link.
const LINK_LIMIT: u64 = 4096;

/// Unpacks the archive of `order`. Existing files are replaced.
pub(super) fn unpack(order: &UnpackOrder) -> Result<(), ArchiveError> {
    let file = File::open(&order.archive).map_err(ArchiveError::at(&order.archive))?;
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    if archive.len() as u64 > order.most_files {
        return Err(ArchiveError::Refused(format!(
            "{} files, at most {} are allowed",
            archive.len(),
            order.most_files
        )));
    }
    let mut left = order.most_bytes;
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = destination(&order.root, &entry)?;
        if entry.is_symlink() {
            let mut target = Vec::new();
            entry
                .by_ref()
                .take(LINK_LIMIT)
                .read_to_end(&mut target)
                .map_err(ArchiveError::at(&path))?;
            links.push((path, String::from_utf8_lossy(&target).into_owned()));
        } else if entry.is_dir() {
            make_folders(&order.root, &path)?;
        } else {
            make_folders(&order.root, path.parent().unwrap_or(&order.root))?;
            left -= write(&path, &mut entry, left)?;
        }
    }
    // Last, so that no file is written through a link of the archive.
    for (path, target) in links {
        make_folders(&order.root, path.parent().unwrap_or(&order.root))?;
        remove_file(&path)?;
        symlink(target, &path).map_err(ArchiveError::at(&path))?;
    }
    Ok(())
}

/// Returns where an entry goes.
fn destination(root: &Path, entry: &ZipFile<'_, impl Read>) -> Result<PathBuf, ArchiveError> {
    let name = entry.name()?;
    let refused = || ArchiveError::Refused(format!("`{name}` leads out of the project folder"));
    let inside = entry.enclosed_name().ok_or_else(refused)?;
    if inside.starts_with(".git") {
        return Err(ArchiveError::Refused(format!("`{name}` belongs to the repository")));
    }
    Ok(root.join(inside))
}

/// Makes a folder and those above it, down from `root`; a link on the way is replaced by a folder.
fn make_folders(root: &Path, path: &Path) -> Result<(), ArchiveError> {
    let Ok(below) = path.strip_prefix(root) else {
        return Ok(());
    };
    let mut folder = root.to_owned();
    for part in below.components() {
        folder.push(part);
        if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            remove_file(&folder)?;
            fs::create_dir(&folder).map_err(ArchiveError::at(&folder))?;
        }
    }
    Ok(())
}

/// Writes one file and returns its size.
fn write(path: &Path, entry: &mut ZipFile<'_, impl Read>, left: u64) -> Result<u64, ArchiveError> {
    remove_file(path)?;
    let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
    let modified = entry.last_modified();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)
        .map_err(ArchiveError::at(path))?;
    // One byte more than allowed tells a full measure from too much; the size in the archive may lie.
    let size = io::copy(&mut entry.take(left.saturating_add(1)), &mut file).map_err(ArchiveError::at(path))?;
    if size > left {
        return Err(ArchiveError::Refused("the files are larger than allowed".to_owned()));
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
        .map_err(ArchiveError::at(path))?;
    if let Some(time) = modified {
        let day = calendar::day_number(time.year().into(), time.month().into(), time.day().into());
        let second = u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60 + u64::from(time.second());
        // A file system that keeps no times is no reason to fail.
        let _ = file.set_modified(UNIX_EPOCH + Duration::from_secs(day * 86_400 + second));
    }
    Ok(size)
}

fn remove_file(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ArchiveError::at(path)(error)),
        _ => Ok(()),
    }
}

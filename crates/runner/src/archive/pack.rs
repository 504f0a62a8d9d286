//! Makes archives.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::libc::O_NOFOLLOW;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::select::{Selection, select};
use super::{ArchiveError, Format, PackOrder};
use crate::calendar;

/// Packs what `order` names; makes no file when there is nothing.
pub(super) fn pack(order: &PackOrder) -> Result<(), ArchiveError> {
    let selection = select(order)?;
    let files = selection.values().filter(|metadata| !metadata.is_dir()).count();
    if selection.is_empty() || (order.format != Format::Zip && files == 0) {
        println!("\x1b[31;1mERROR: No files to upload\x1b[0;m");
        return Ok(());
    }
    let output = OpenOptions::new().write(true).create_new(true).open(&order.output);
    let output = BufWriter::new(output.map_err(ArchiveError::at(&order.output))?);
    match order.format {
        Format::Zip => zip(order, &selection, output),
        Format::Gzip => gzip(order, &selection, output),
        Format::Raw => raw(order, &selection, output),
    }
}

fn zip(order: &PackOrder, selection: &Selection, output: BufWriter<File>) -> Result<(), ArchiveError> {
    let mut archive = ZipWriter::new(output);
    for (name, metadata) in selection {
        let path = order.root.join(name);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(metadata.permissions().mode() & 0o777)
            .last_modified_time(modified(metadata))
            .large_file(metadata.len() >= u64::from(u32::MAX));
        if metadata.is_dir() {
            archive.add_directory(name.as_str(), options)?;
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).map_err(ArchiveError::at(&path))?;
            archive.add_symlink(name.as_str(), target.to_string_lossy(), options)?;
        } else {
            archive.start_file(name.as_str(), options)?;
            copy(&path, &mut archive)?;
        }
    }
    let mut output = archive.finish()?;
    output.flush().map_err(ArchiveError::at(&order.output))
}

fn gzip(order: &PackOrder, selection: &Selection, mut output: BufWriter<File>) -> Result<(), ArchiveError> {
    for (name, _) in selection.iter().filter(|(_, metadata)| metadata.is_file()) {
        let mut member = GzEncoder::new(&mut output, Compression::default());
        copy(&order.root.join(name), &mut member)?;
        member.finish().map_err(ArchiveError::at(&order.output))?;
    }
    output.flush().map_err(ArchiveError::at(&order.output))
}

fn raw(order: &PackOrder, selection: &Selection, mut output: BufWriter<File>) -> Result<(), ArchiveError> {
    let files: Vec<_> = selection.iter().filter(|(_, metadata)| metadata.is_file()).collect();
    let [(name, _)] = files[..] else {
        return Err(ArchiveError::Refused(format!(
            "only one file can be uploaded raw, found {}",
            files.len()
        )));
    };
    copy(&order.root.join(name), &mut output)?;
    output.flush().map_err(ArchiveError::at(&order.output))
}

fn copy(path: &Path, output: &mut impl Write) -> Result<(), ArchiveError> {
    // What was a file may have become a link meanwhile.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path)
        .map_err(ArchiveError::at(path))?;
    io::copy(&mut file, output).map(drop).map_err(ArchiveError::at(path))
}

/// Returns when a file was changed, as archives write it; outside of 1980 to 2107 the beginning.
fn modified(metadata: &Metadata) -> zip::DateTime {
    let since = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or(Duration::ZERO);
    let (year, month, day) = calendar::date(since.as_secs() / 86_400);
    let (hour, minute, second) = calendar::clock(since.as_secs() % 86_400);
    let small = |number: u64| u8::try_from(number).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        u16::try_from(year).unwrap_or_default(),
        small(month),
        small(day),
        small(hour),
        small(minute),
        small(second),
    )
    .unwrap_or_default()
}

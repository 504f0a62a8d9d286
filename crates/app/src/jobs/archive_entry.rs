//! One file out of a zip archive that a job made: nothing in it is to be believed.
//!
//! The list of its files is read only if it is of a bearable length, paths are looked up and never joined to anything,
//! and what is unpacked goes to the client as it comes, at most as much as was announced.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::rc::Rc;

use bytes::Bytes;
use model::ArtifactId;
use tokio::sync::mpsc;

use crate::App;
use crate::error::{Error, Result};

/// Most files of an archive of which one can be had by itself; the list of them is in memory meanwhile.
const MAX_ENTRIES: u64 = 100_000;

/// Most bytes read to get at the list of an archive's files.
///
/// An archive can hold several such lists, and which of them counts is found by trying: what one of them says of its
/// length binds none of the others. Each file of a list is 46 bytes and its path, so this is the list of 100,000 files
/// with paths of 120 bytes.
const MAX_LIST: u64 = 16 << 20;

/// Largest file that is unpacked, in bytes: what an archive of the largest size holds, packed ten times over.
const MAX_BYTES: u64 = 1 << 30;

/// Longest path in bytes.
const MAX_PATH: usize = 4096;

/// Bytes unpacked at a time.
const CHUNK: usize = 64 << 10;

/// Pieces that wait for the client.
const AHEAD: usize = 4;

/// A file that is being unpacked.
#[derive(Debug)]
pub struct Entry {
    /// Last part of its path.
    pub name: String,
    /// Bytes, as the archive announces them.
    pub size: u64,
    /// Its content, piece by piece; an error when the archive is broken or holds more than announced.
    pub chunks: mpsc::Receiver<std::io::Result<Bytes>>,
}

/// Opens a file of an archive.
///
/// # Errors
///
/// `400 Bad request` for a path that no file has; 404 when the archive or the file in it is not there; 413 for one
/// that is too large to be unpacked.
pub(super) async fn open(app: &App, id: ArtifactId, path: String) -> Result<Entry> {
    if !is_valid(&path) {
        return Err(Error::Status {
            status: 400,
            message: "400 Bad request".to_owned(),
        });
    }
    let blobs = app.blobs.clone();
    let (head, looked) = tokio::sync::oneshot::channel();
    let (sender, chunks) = mpsc::channel(AHEAD);
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let work = tokio::task::spawn_blocking(move || {
        let file = match blobs.artifacts.open_seekable(id) {
            Ok(Some(file)) => file,
            Ok(None) => return drop(head.send(Err(Error::NotFoundPlain))),
            Err(error) => return drop(head.send(Err(Error::internal(error)))),
        };
        unpack(file, &path, head, &sender);
    });
    let size = looked.await.map_err(Error::internal)??;
    drop(work);
    Ok(Entry { name, size, chunks })
}

/// Lists what lies directly in a folder of an archive, folders first: at most `most`, and whether there are more.
///
/// # Errors
///
/// 404 when the archive is not there or is none, has too many files, or has no such folder.
pub(super) async fn list(app: &App, id: ArtifactId, folder: String, most: usize) -> Result<(Vec<Item>, bool)> {
    let blobs = app.blobs.clone();
    crate::blocking(move || {
        let file = blobs.artifacts.open_seekable(id).map_err(Error::internal)?;
        let archive = file.ok_or(Error::NotFoundPlain)?;
        in_folder(archive, &folder, most).ok_or(Error::NotFoundPlain)
    })
    .await
}

/// Something in a folder of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its bytes as the archive announces them; `None` for a folder.
    pub size: Option<u64>,
}

fn in_folder<R: Read + Seek>(archive: R, folder: &str, most: usize) -> Option<(Vec<Item>, bool)> {
    let mut zip = zip_of(archive)?;
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let mut found: BTreeMap<(bool, String), Option<u64>> = BTreeMap::new();
    let mut is_there = folder.is_empty();
    for index in 0..zip.len() {
        // Only what the list says is read, nothing is unpacked.
        let Ok(entry) = zip.by_index_raw(index) else { continue };
        let Ok(path) = entry.name() else { continue };
        let Some(rest) = path.strip_prefix(&prefix) else {
            continue;
        };
        is_there = true;
        // Names that no address can have cannot be shown either.
        if rest.is_empty() || !is_valid(path.strip_suffix('/').unwrap_or(&path)) {
            continue;
        }
        match rest.split_once('/') {
            Some((name, _)) => found.insert((false, name.to_owned()), None),
            None => found.insert((true, rest.to_owned()), Some(entry.size())),
        };
    }
    let has_more = found.len() > most;
    let items = found
        .into_iter()
        .take(most)
        .map(|((_, name), size)| Item { name, size });
    is_there.then(|| (items.collect(), has_more))
}

/// Whether a path may be that of a file.
fn is_valid(path: &str) -> bool {
    let parts = || path.split('/');
    (1..=MAX_PATH).contains(&path.len()) && !path.contains('\0') && parts().all(|part| !part.is_empty() && part != "..")
}

type Head = tokio::sync::oneshot::Sender<Result<u64>>;

/// Finds the file, says how large it is, and sends what it holds.
fn unpack<R: Read + Seek>(archive: R, path: &str, head: Head, chunks: &mpsc::Sender<std::io::Result<Bytes>>) {
    let gone = Error::NotFoundPlain;
    let Some(mut zip) = zip_of(archive) else {
        return drop(head.send(Err(gone)));
    };
    let file = match zip.by_name(path) {
        Ok(file) if file.is_file() => file,
        _ => return drop(head.send(Err(gone))),
    };
    let size = file.size();
    if size > MAX_BYTES {
        let message = "413 Request Entity Too Large".to_owned();
        return drop(head.send(Err(Error::Status { status: 413, message })));
    }
    if head.send(Ok(size)).is_err() {
        return;
    }
    send(file, size, chunks);
}

/// Reads the list of an archive's files; `None` for what is no archive or has too many.
pub(crate) fn zip_of<R: Read + Seek>(archive: R) -> Option<zip::ZipArchive<Rationed<R>>> {
    zip_within(archive, MAX_LIST)
}

fn zip_within<R: Read + Seek>(mut archive: R, most: u64) -> Option<zip::ZipArchive<Rationed<R>>> {
    count(&mut archive).filter(|entries| *entries <= MAX_ENTRIES)?;
    let left = Rc::new(Cell::new(most));
    let rationed = Rationed {
        inner: archive,
        left: Rc::clone(&left),
    };
    let zip = zip::ZipArchive::new(rationed).ok()?;
    // What the files hold is limited where it is unpacked.
    left.set(u64::MAX);
    (zip.len() as u64 <= MAX_ENTRIES).then_some(zip)
}

/// A reader of which at most so many bytes are had.
#[derive(Debug)]
pub(crate) struct Rationed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left
            .set(left.ok_or_else(|| std::io::Error::other("the list of files is too long"))?);
        Ok(read)
    }
}

impl<R: Seek> Seek for Rationed<R> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(position)
    }
}

fn send(mut file: impl Read, size: u64, chunks: &mpsc::Sender<std::io::Result<Bytes>>) {
    let mut left = size;
    loop {
        let mut buffer = vec![0; CHUNK];
        let read = match file.read(&mut buffer) {
            Ok(0) if left == 0 => return,
            Ok(0) => Err(std::io::Error::other("the file is shorter than announced")),
            Ok(read) if read as u64 > left => Err(std::io::Error::other("the file is longer than announced")),
            Ok(read) => {
                left -= read as u64;
                buffer.truncate(read);
                Ok(Bytes::from(buffer))
            }
            Err(error) => Err(error),
        };
        let is_broken = read.is_err();
        if chunks.blocking_send(read).is_err() || is_broken {
            return;
        }
    }
}

/// Bytes of the record at the end of a zip archive, without its comment.
const END: usize = 22;

/// Bytes of the record that points to the larger one of an archive with 64-bit numbers.
const LOCATOR: usize = 20;

/// Returns how many files an archive says it has; `None` when it is no zip archive.
fn count<R: Read + Seek>(archive: &mut R) -> Option<u64> {
    let length = archive.seek(SeekFrom::End(0)).ok()?;
    let tail = length.min((END + LOCATOR + usize::from(u16::MAX)) as u64);
    archive.seek(SeekFrom::Start(length - tail)).ok()?;
    let mut bytes = Vec::new();
    archive.by_ref().take(tail).read_to_end(&mut bytes).ok()?;
    let end = (0..=bytes.len().checked_sub(END)?)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    let small = u16::from_le_bytes(bytes[end + 10..end + 12].try_into().ok()?);
    if small < u16::MAX {
        return Some(u64::from(small));
    }
    let Some(locator) = end
        .checked_sub(LOCATOR)
        .map(|at| &bytes[at..end])
        .filter(|it| it.starts_with(b"PK\x06\x07"))
    else {
        return Some(u64::from(small));
    };
    let at = u64::from_le_bytes(locator[8..16].try_into().ok()?);
    archive.seek(SeekFrom::Start(at)).ok()?;
    let mut large = [0; 40];
    archive.read_exact(&mut large).ok()?;
    let is_large = large.starts_with(b"PK\x06\x06");
    is_large
        .then(|| large[32..40].try_into().map(u64::from_le_bytes).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// Unpacks in this thread: the size or the error, and the content as far as it came.
    fn unpacked(bytes: Vec<u8>, path: &str) -> (Result<u64>, Vec<u8>, bool) {
        let (head, mut looked) = tokio::sync::oneshot::channel();
        let (sender, mut chunks) = mpsc::channel(1024);
        unpack(Cursor::new(bytes), path, head, &sender);
        drop(sender);
        let (mut content, mut broken) = (Vec::new(), false);
        while let Ok(chunk) = chunks.try_recv() {
            match chunk {
                Ok(bytes) => content.extend_from_slice(&bytes),
                Err(_) => broken = true,
            }
        }
        (looked.try_recv().unwrap(), content, broken)
    }

    #[test]
    fn a_file_is_found_by_its_path() {
        let zip = archive(&[("a.txt", b"one"), ("dir/b.txt", b"two")]);
        let (size, content, broken) = unpacked(zip.clone(), "dir/b.txt");
        assert_eq!((size.unwrap(), content.as_slice(), broken), (3, &b"two"[..], false));
        for path in ["b.txt", "dir", "dir/", "A.TXT"] {
            assert!(
                matches!(unpacked(zip.clone(), path).0, Err(Error::NotFoundPlain)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_folder_has_what_lies_directly_in_it() {
        let zip = archive(&[
            ("b.txt", b"one"),
            ("dir/sub/c", b"x"),
            ("dir/a", b"22"),
            ("../evil", b"x"),
            ("/etc/x", b"x"),
        ]);
        let names = |folder: &str, most: usize| {
            let (items, has_more) = in_folder(Cursor::new(zip.clone()), folder, most)?;
            let names: Vec<String> = items
                .iter()
                .map(|item| format!("{} {:?}", item.name, item.size))
                .collect();
            Some((names.join(", "), has_more))
        };
        let listed = |text: &str, has_more| Some((text.to_owned(), has_more));
        assert_eq!(names("", 9), listed("dir None, b.txt Some(3)", false));
        assert_eq!(names("dir", 9), listed("sub None, a Some(2)", false));
        assert_eq!(names("dir", 1), listed("sub None", true));
        assert_eq!(names("di", 9), None);
        assert_eq!(names("..", 9).unwrap().0, "");
        assert_eq!(in_folder(Cursor::new(b"no zip".to_vec()), "", 9), None);
    }

    #[test]
    fn what_is_no_archive_has_no_files() {
        let cut = {
            let mut zip = archive(&[("a", b"one")]);
            zip.truncate(20);
            zip
        };
        for bytes in [Vec::new(), b"PK\x05\x06".to_vec(), vec![0; 100], cut] {
            assert!(matches!(unpacked(bytes, "a").0, Err(Error::NotFoundPlain)));
        }
    }

    #[test]
    fn a_list_of_too_many_files_is_not_read() {
        let mut end = b"PK\x05\x06".to_vec();
        end.extend([0; 6]);
        end.extend(u16::MAX.to_le_bytes());
        end.extend([0; 10]);
        assert_eq!(count(&mut Cursor::new(end.clone())), Some(65535));
        let mut large = b"PK\x06\x06".to_vec();
        large.extend([0; 28]);
        large.extend(10_000_000_u64.to_le_bytes());
        large.extend([0; 16]);
        let mut locator = b"PK\x06\x07".to_vec();
        locator.extend([0; 16]);
        let bytes = [large, locator, end].concat();
        assert_eq!(count(&mut Cursor::new(bytes.clone())), Some(10_000_000));
        assert!(matches!(unpacked(bytes, "a").0, Err(Error::NotFoundPlain)));
    }

    #[test]
    fn a_long_list_behind_a_short_one_is_not_read_either() {
        // The record at the end says that there are four files, but its list is too short; the one before it is in
        // order, and whoever looks for an archive finds that.
        let mut bytes = archive(&[("a", b"one"), ("b", b"two"), ("c", b"three")]);
        let mut decoy = b"PK\x05\x06".to_vec();
        decoy.extend([0; 4]);
        decoy.extend([4, 0, 4, 0]);
        decoy.extend(60_u32.to_le_bytes());
        decoy.extend(7_u32.to_le_bytes());
        decoy.extend([0; 2]);
        bytes.extend(decoy);
        assert_eq!(count(&mut Cursor::new(bytes.clone())), Some(4));
        let found = zip_within(Cursor::new(bytes.clone()), 10_000).unwrap();
        assert_eq!(found.len(), 3, "the list before the decoy was taken");
        assert!(
            zip_within(Cursor::new(bytes), 400).is_none(),
            "and it has a limit of its own"
        );
    }

    #[test]
    fn a_file_with_more_in_it_than_announced_breaks_off() {
        // The announced size stands in the list at the end; the packed bytes stay as they are.
        let mut zip = archive(&[("bomb", &vec![b'x'; 1 << 20])]);
        let list = zip.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        zip[list + 24..list + 28].copy_from_slice(&10_u32.to_le_bytes());
        let (size, content, broken) = unpacked(zip, "bomb");
        assert_eq!(size.unwrap(), 10);
        assert!(content.len() <= 10 && broken, "{} bytes", content.len());
    }

    #[test]
    fn only_plain_paths_are_looked_for() {
        for (path, valid) in [
            ("a", true),
            ("a/b.c", true),
            ("", false),
            ("..", false),
            ("a/../b", false),
            ("/a", false),
            ("a//b", false),
            ("a/", false),
            ("a\0", false),
        ] {
            assert_eq!(is_valid(path), valid, "{path:?}");
        }
        assert!(!is_valid(&"a".repeat(MAX_PATH + 1)));
    }
}

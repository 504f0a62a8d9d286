//! The whole log of a job, since a server may ask for all of it again: small ones in memory,
//! larger ones in a file without a name.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::{fs, io};

use flate2::Crc;

use crate::random;

/// Logs up to this size stay in memory; most are smaller.
const MEMORY_LIMIT: usize = 128 << 10;

/// Everything that was logged so far.
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    size: u64,
    checksum: Crc,
    folder: PathBuf,
}

impl Spool {
    /// Returns an empty log that goes to a file in `folder` when it grows.
    pub(super) fn new(folder: PathBuf) -> Spool {
        Spool {
            memory: Vec::new(),
            file: None,
            size: 0,
            checksum: Crc::new(),
            folder,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// When the disk is full; nothing is appended then.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY_LIMIT {
            let file = self.create()?;
            file.write_all_at(&self.memory, 0)?;
            self.file = Some(file);
            self.memory = Vec::new();
        }
        match &self.file {
            Some(file) => file.write_all_at(bytes, self.size)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.size += bytes.len() as u64;
        self.checksum.update(bytes);
        Ok(())
    }

    /// Returns at most `most` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.size.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(most);
        match &self.file {
            None => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.memory.len());
                Ok(self.memory[start..start + length].to_vec())
            }
            Some(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, offset)?;
                Ok(bytes)
            }
        }
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the checksum as the protocol writes it.
    pub(super) fn checksum(&self) -> String {
        format!("crc32:{:08x}", self.checksum.sum())
    }

    fn create(&self) -> io::Result<File> {
        let path = self.folder.join(format!(".trace-{}", random::hex(8)));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        fs::remove_file(path)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_logs_read_alike() {
        let mut spool = Spool::new(std::env::temp_dir());
        spool.append(b"123456789").unwrap();
        assert_eq!(spool.checksum(), "crc32:cbf43926");
        assert_eq!(spool.read(7, 100).unwrap(), b"89");
        assert_eq!(spool.read(100, 100).unwrap(), b"");
        spool.append(&vec![b'x'; MEMORY_LIMIT]).unwrap();
        spool.append(b"end").unwrap();
        assert!(spool.file.is_some() && spool.memory.is_empty());
        assert_eq!(spool.read(0, 10).unwrap(), b"123456789x");
        assert_eq!(spool.read(spool.size() - 3, 10).unwrap(), b"end");
    }
}

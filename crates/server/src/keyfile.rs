//! The master key: a file of the data folder that only its owner may read.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// Length of the key in bytes.
const LENGTH: usize = 32;

/// Name of the file in the data folder.
pub(crate) const NAME: &str = "secret.key";

/// Reads the key of a data folder; makes one when there is none and `may_create`.
///
/// A database without its key is useless, so a new key is only made for a new data folder.
pub(crate) fn read_or_create(data_dir: &Path, may_create: bool) -> anyhow::Result<[u8; LENGTH]> {
    let path = data_dir.join(NAME);
    match fs::File::open(&path) {
        Ok(file) => read(file, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_create => create(&path),
        Err(error) => Err(error).with_context(|| {
            format!(
                "cannot read the key file `{}`; without it tokens and variables in the database cannot be used: \
                 restore it from your backup",
                path.display()
            )
        }),
    }
}

fn read(mut file: fs::File, path: &Path) -> anyhow::Result<[u8; LENGTH]> {
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "the key file `{}` may be read by others (mode {:o}): run `chmod 600` on it",
            path.display(),
            mode & 0o777
        );
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .with_context(|| format!("cannot read the key file `{}`", path.display()))?;
    decode(text.trim()).with_context(|| format!("the key file `{}` does not hold 64 hex digits", path.display()))
}

fn create(path: &Path) -> anyhow::Result<[u8; LENGTH]> {
    let mut key = [0; LENGTH];
    app::keys::random_bytes(&mut key);
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let temporary = path.with_extension("key.new");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(|| format!("cannot write the key file `{}`", temporary.display()))?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    // A link fails when another process was faster; then its key counts.
    match fs::hard_link(&temporary, path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary)?;
            return read(fs::File::open(path)?, path);
        }
        Err(error) => return Err(error.into()),
    }
    fs::remove_file(&temporary)?;
    Ok(key)
}

fn decode(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != 2 * LENGTH || !text.is_ascii() {
        return None;
    }
    let mut key = [0; LENGTH];
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_for_its_owner() {
        let folder = std::env::temp_dir().join(format!("tripline-key-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(
            read_or_create(&folder, false).is_err(),
            "nothing there, and none may be made"
        );
        let key = read_or_create(&folder, true).unwrap();
        assert_eq!(read_or_create(&folder, true).unwrap(), key);
        let path = folder.join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = format!("{:#}", read_or_create(&folder, true).unwrap_err());
        assert!(error.contains("chmod 600"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

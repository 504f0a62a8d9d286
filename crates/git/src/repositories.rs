//! Where repositories live, and the cache of open ones.
//!
//! Our own repositories are bare folders below one root, found by project id alone: no name that a
//! user chose ever becomes part of a path. An attached repository is a folder of the administrator
//! that is read and never written. Neither sees the configuration of the system or of a user.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{Project, ProjectId};

use crate::repository::Shared;
use crate::{Error, Limits, Repository, Server, names, process};

/// Open repositories kept at most; the one unused for longest goes first.
///
/// An open repository holds file maps of its packs and small object caches.
const MAX_OPEN: usize = 256;

/// An open repository that nobody asked for in this time is closed at the next opportunity.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);

/// Which repository is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// The project's own, below our root.
    Own(ProjectId),
    /// A folder of the administrator, bare or with a work tree; read-only.
    Attached(PathBuf),
}

impl From<&Project> for Location {
    fn from(project: &Project) -> Location {
        match &project.attached_repository {
            Some(path) => Location::Attached(PathBuf::from(path)),
            None => Location::Own(project.id),
        }
    }
}

/// All repositories of this server.
///
/// Cheap to share behind an [`Arc`]; every method may be called from any thread.
#[derive(Debug)]
pub struct Repositories {
    root: PathBuf,
    server: Server,
    open: Mutex<HashMap<Location, Cached>>,
    counter: AtomicU64,
}

#[derive(Debug)]
struct Cached {
    shared: Arc<Shared>,
    used: Instant,
}

impl Repositories {
    /// Prepares the folder below which our own repositories live; they are served within the usual limits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the folder cannot be created or written.
    pub fn new(root: impl Into<PathBuf>) -> Result<Repositories, Error> {
        Repositories::with_limits(root, Limits::default())
    }

    /// As [`Repositories::new`], with limits of the caller for serving.
    ///
    /// # Errors
    ///
    /// As [`Repositories::new`].
    pub fn with_limits(root: impl Into<PathBuf>, limits: Limits) -> Result<Repositories, Error> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(Error::io("create folder", &root))?;
        let root = std::fs::canonicalize(&root).map_err(Error::io("resolve folder", &root))?;
        process::write_configuration(&root)?;
        remove_leftovers(&root);
        Ok(Repositories {
            root,
            server: Server::new(limits),
            open: Mutex::default(),
            counter: AtomicU64::new(0),
        })
    }

    /// Returns what serves these repositories to git clients.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the folder below which our own repositories live.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of a project's own repository, whether it exists or not.
    #[must_use]
    pub fn path(&self, id: ProjectId) -> PathBuf {
        let number = id.0;
        self.root.join(format!(
            "{:02x}/{:02x}/{number}.git",
            number & 0xff,
            (number >> 8) & 0xff
        ))
    }

    /// Opens a repository, or returns the handle of one that is already open.
    ///
    /// # Errors
    ///
    /// [`Error::NoRepository`] when there is none.
    pub fn open(&self, location: impl Into<Location>) -> Result<Repository, Error> {
        let location = location.into();
        let now = Instant::now();
        if let Some(cached) = self.lock().get_mut(&location) {
            cached.used = now;
            return Ok(Repository::new(Arc::clone(&cached.shared)));
        }
        // Opening reads several files: not under the lock. Two threads may both open; one handle stays.
        let shared = Arc::new(self.open_fresh(&location)?);
        let mut open = self.lock();
        make_room(&mut open, now);
        let cached = open.entry(location).or_insert(Cached { shared, used: now });
        Ok(Repository::new(Arc::clone(&cached.shared)))
    }

    /// Creates the empty repository of a project whose `HEAD` names the branch `default_branch`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRefName`] for the branch, [`Error::Io`] when the file system refuses or the
    /// repository is already there.
    pub fn create(&self, id: ProjectId, default_branch: &str) -> Result<Repository, Error> {
        let head = format!("refs/heads/{default_branch}");
        names::check_ref(&head)?;
        let path = self.path(id);
        let parent = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(parent).map_err(Error::io("create folder", parent))?;
        let fresh = self.root.join(self.unique_name("new", id));
        write_skeleton(&fresh, &head)?;
        if path.exists() || std::fs::rename(&fresh, &path).is_err() {
            let _ = std::fs::remove_dir_all(&fresh);
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(Error::Io {
                action: "create repository",
                path,
                source,
            });
        }
        self.open(Location::Own(id))
    }

    /// Deletes the repository of a project; returns whether there was one.
    ///
    /// Handles given out earlier stay usable as far as they hold files open.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the folder cannot be moved away. What cannot be removed afterwards is
    /// removed at a later start.
    pub fn delete(&self, id: ProjectId) -> Result<bool, Error> {
        self.lock().remove(&Location::Own(id));
        let path = self.path(id);
        let away = self.root.join(self.unique_name("gone", id));
        match std::fs::rename(&path, &away) {
            Ok(()) => {
                let _ = std::fs::remove_dir_all(&away);
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("delete repository", path)(error)),
        }
    }

    /// Checks that a folder of the administrator is a repository we can read; returns its resolved path.
    ///
    /// # Errors
    ///
    /// [`Error::NoRepository`] when the path is not absolute, does not exist or is no repository.
    pub fn attach(&self, path: &Path) -> Result<PathBuf, Error> {
        let no_repository = || Error::NoRepository { path: path.to_owned() };
        if !path.is_absolute() {
            return Err(no_repository());
        }
        let resolved = std::fs::canonicalize(path).map_err(|_| no_repository())?;
        self.open(Location::Attached(resolved.clone()))?;
        Ok(resolved)
    }

    /// Number of repositories that are open now.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.lock().len()
    }

    /// Returns the bytes that the files of a repository take; 0 for none. Reads folders: not for async threads.
    #[must_use]
    pub fn size(&self, id: ProjectId) -> u64 {
        let (mut folders, mut total) = (vec![self.path(id)], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(found) if found.is_dir() => folders.push(entry.path()),
                    Ok(found) => total += found.len(),
                    Err(_) => {}
                }
            }
        }
        total
    }

    fn open_fresh(&self, location: &Location) -> Result<Shared, Error> {
        match location {
            Location::Own(id) => Shared::open(&self.path(*id), true, &self.root),
            Location::Attached(path) => Shared::open(path, false, &self.root),
        }
    }

    fn unique_name(&self, prefix: &str, id: ProjectId) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{LEFTOVER}{prefix}-{id}-{}-{number}", std::process::id())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Location, Cached>> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prefix of folders that are not repositories yet or no more.
const LEFTOVER: &str = ".tmp-";

/// Age at which such a folder belongs to nobody: another process may share the root and be at work.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

fn remove_leftovers(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let age = entry
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        let is_old = age.is_some_and(|age| age > LEFTOVER_AGE);
        if is_old && entry.file_name().as_encoded_bytes().starts_with(LEFTOVER.as_bytes()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn make_room(open: &mut HashMap<Location, Cached>, now: Instant) {
    if open.len() >= MAX_OPEN / 2 {
        open.retain(|_, cached| now.duration_since(cached.used) < MAX_IDLE);
    }
    while open.len() >= MAX_OPEN {
        let oldest = open
            .iter()
            .min_by_key(|(_, cached)| cached.used)
            .map(|(location, _)| location.clone());
        let Some(oldest) = oldest else { break };
        open.remove(&oldest);
    }
}

/// Writes the few files that make a folder a bare repository; no templates, no hooks.
fn write_skeleton(path: &Path, head: &str) -> Result<(), Error> {
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        let folder = path.join(folder);
        std::fs::create_dir_all(&folder).map_err(Error::io("create folder", &folder))?;
    }
    let config =
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogAllRefUpdates = false\n";
    for (name, text) in [("HEAD", format!("ref: {head}\n")), ("config", config.to_owned())] {
        let file = path.join(name);
        std::fs::write(&file, text).map_err(Error::io("write", &file))?;
    }
    Ok(())
}

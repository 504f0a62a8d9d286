//! The handle of one repository: cheap to clone, usable from any thread.
//!
//! gix's handles carry caches that warm up and must not be shared between threads. A repository
//! keeps a few of them in a pool; each operation takes one and puts it back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::Sha;

use crate::Error;

/// Warm gix handles kept per repository. More may exist for a moment; they are dropped afterwards.
const MAX_WARM: usize = 4;

/// Size of the cache of decoded objects in each gix handle, in bytes.
const OBJECT_CACHE: usize = 1 << 20;

/// One repository.
#[derive(Clone, Debug)]
pub struct Repository {
    shared: Arc<Shared>,
}

/// What all handles of one repository share.
pub(crate) struct Shared {
    sync: gix::ThreadSafeRepository,
    warm: Mutex<Vec<gix::Repository>>,
    writable: bool,
    root: PathBuf,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("path", &self.sync.git_dir())
            .field("writable", &self.writable)
            .finish()
    }
}

impl Shared {
    pub(crate) fn open(path: &Path, writable: bool, root: &Path) -> Result<Shared, Error> {
        // Isolated: only the repository's own configuration is read, none of the system's, the
        // user's or the environment's. Ours are bare, so `path/.git` is not even looked for.
        // Replacement refs are off: a commit id always stands for the same files.
        let options = gix::open::Options::isolated()
            .open_path_as_is(writable)
            .config_overrides(["core.useReplaceRefs=false"]);
        let sync = options
            .open(path)
            .map_err(|_| Error::NoRepository { path: path.to_owned() })?;
        Ok(Shared {
            sync,
            warm: Mutex::default(),
            writable,
            root: root.to_owned(),
        })
    }
}

impl Repository {
    pub(crate) fn new(shared: Arc<Shared>) -> Repository {
        Repository { shared }
    }

    /// Returns the git folder: the repository itself, or the `.git` of an attached work tree.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        self.shared.sync.git_dir()
    }

    /// Whether this is an attached repository, which is never written.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        !self.shared.writable
    }

    /// The folder that holds our configuration of git.
    pub(crate) fn root(&self) -> &Path {
        &self.shared.root
    }

    /// Returns [`Error::ReadOnly`] for an attached repository.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        match self.shared.writable {
            true => Ok(()),
            false => Err(Error::ReadOnly {
                path: self.git_dir().to_owned(),
            }),
        }
    }

    /// Runs `work` with a warm gix handle.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&gix::Repository) -> T) -> T {
        let pooled = self.pool().pop();
        let handle = pooled.unwrap_or_else(|| {
            let mut handle = self.shared.sync.to_thread_local();
            handle.object_cache_size(OBJECT_CACHE);
            handle
        });
        let result = work(&handle);
        let mut pool = self.pool();
        if pool.len() < MAX_WARM {
            pool.push(handle);
        }
        result
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<gix::Repository>> {
        // A handle is in the pool or with its user, never half of each: a panic cannot spoil the pool.
        self.shared.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns gix's form of an id; `None` when its kind of hash is not supported (SHA-256).
pub(crate) fn object_id(sha: &Sha) -> Option<gix::ObjectId> {
    gix::ObjectId::from_hex(sha.as_str().as_bytes()).ok()
}

/// Returns our form of an id.
pub(crate) fn sha(id: &gix::oid) -> Sha {
    id.to_hex()
        .to_string()
        .parse()
        .expect("gix writes ids as full lower-case hex")
}

/// Finds an object and decodes it; `None` when there is none or it is of another kind.
pub(crate) fn find<'r>(
    repo: &'r gix::Repository,
    id: gix::ObjectId,
    kind: gix::objs::Kind,
) -> Result<Option<gix::Object<'r>>, Error> {
    let object = repo.try_find_object(id).map_err(Error::backend("read an object"))?;
    Ok(object.filter(|object| object.kind == kind))
}

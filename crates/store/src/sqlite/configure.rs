//! The one setting of SQLite that only its C interface offers.

use std::sync::Once;

use rusqlite::ffi;

/// Turns off the statistics of memory use, before the first connection.
///
/// Nobody reads them, and keeping them takes a lock at every allocation: a tenth of the writer's time.
pub(crate) fn once() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        #[expect(unsafe_code, reason = "rusqlite does not offer this setting")]
        // SAFETY: `sqlite3_config` is called with the one `int` that this option takes. It must not run
        // beside other calls into SQLite: `Once` keeps other stores out, and nothing else uses SQLite
        // before its store is open. Should it be initialized already, it refuses and changes nothing.
        let status = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
        if status != ffi::SQLITE_OK {
            tracing::debug!(status, "SQLite keeps its memory statistics");
        }
    });
}

//! Every named statement is good SQL on both databases.

use store::ops;

use crate::fixture::Folder;

#[test]
fn every_statement_is_prepared_by_sqlite() {
    let folder = Folder::new();
    let path = folder.0.join("statements.db");
    let store = store::Store::open(&store::Options::sqlite(&path)).expect("a fresh folder can be written");
    let connection = rusqlite::Connection::open(&path).expect("the file exists");
    for sql in ops::statements() {
        if let Err(error) = connection.prepare(sql.for_sqlite()) {
            panic!("{}: {error}\n{}", sql.name, sql.for_sqlite());
        }
    }
    store.close_blocking();
}

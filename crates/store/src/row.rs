//! A row of a result, whichever driver it came from.

use std::cell::Cell;

use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::{FromColumn, Json, Value};

/// One row, valid during the callback it is given to.
///
/// [`read`](Row::read) takes the columns one after another in the order of the statement's
/// column list, so that a list of columns and the struct built from it stay side by side.
pub struct Row<'a> {
    columns: &'a dyn Columns,
    statement: &'a Sql,
    next: Cell<usize>,
}

/// What a driver must know about its rows.
pub(crate) trait Columns {
    /// Returns the value; an error text when the column is missing or of a type we do not use.
    fn value(&self, index: usize) -> Result<Value<'_>, String>;
    /// Returns the column's name.
    fn name(&self, index: usize) -> String;
}

impl<'a> Row<'a> {
    pub(crate) fn new(columns: &'a dyn Columns, statement: &'a Sql) -> Row<'a> {
        Row {
            columns,
            statement,
            next: Cell::new(0),
        }
    }

    /// Reads the next column.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadValue`], naming statement, column and row, when the value does not fit.
    pub fn read<T: FromColumn>(&self) -> Result<T, StoreError> {
        let index = self.next.get();
        self.next.set(index + 1);
        self.get(index)
    }

    /// Reads the next column as a JSON list, empty when NULL.
    ///
    /// # Errors
    ///
    /// As [`read`](Row::read).
    pub fn read_list<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        Ok(self
            .read::<Option<Json<Vec<T>>>>()?
            .map_or_else(Vec::new, |json| json.0))
    }

    /// Reads the column at `index`, counted from 0.
    ///
    /// # Errors
    ///
    /// As [`read`](Row::read).
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, StoreError> {
        let found = match self.columns.value(index) {
            Ok(value) => match T::from_column(value) {
                Some(read) => return Ok(read),
                None => describe(value),
            },
            Err(message) => message,
        };
        let row = match self.columns.value(0) {
            Ok(Value::I64(id)) => Some(id),
            _ => None,
        };
        Err(StoreError::BadValue {
            statement: self.statement.name.to_owned(),
            column: self.columns.name(index),
            row,
            expected: T::EXPECTED,
            found,
        })
    }
}

/// Longest text quoted in a message, in characters: enough to recognise, too little to leak much.
const QUOTED: usize = 24;

fn describe(value: Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::I64(n) => n.to_string(),
        Value::F64(n) => n.to_string(),
        Value::Bool(bit) => bit.to_string(),
        Value::Text(text) => format!("`{}`", text.chars().take(QUOTED).collect::<String>()),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// Reads the next (mostly the only) column of a row.
pub(crate) fn column<T: FromColumn>(row: &Row<'_>) -> Result<T, StoreError> {
    row.read()
}

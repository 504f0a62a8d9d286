//! Values on their way into a statement and out of a row.

use std::str::FromStr;

use model::*;

/// One parameter of a statement, borrowed from the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Param<'a> {
    /// NULL.
    Null,
    /// An integer, an id or a time.
    I64(i64),
    /// A floating point number.
    F64(f64),
    /// A boolean.
    Bool(bool),
    /// Text, a word or JSON.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list of integers for `= ANY(?n)`.
    Ids(&'a [i64]),
    /// A list of texts for `= ANY(?n)`.
    Texts(&'a [&'a str]),
}

impl Param<'_> {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Param::Null)
    }
}

/// Lists parameters, each converted with `Param::from`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::value::Param::from($value)),*] };
}
pub(crate) use params;

/// One value of a row, borrowed from the driver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// An integer.
    I64(i64),
    /// A floating point number.
    F64(f64),
    /// A boolean; SQLite gives [`Value::I64`] instead.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// What the column should hold, for the message.
    const EXPECTED: &'static str;

    /// Converts the value; `None` when it does not fit.
    fn from_column(value: Value<'_>) -> Option<Self>;
}

/// A column that holds JSON which only our own code reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<T>(pub T);

impl Json<()> {
    /// Writes the text for a column; our own types always can be written.
    pub(crate) fn text<T: serde::Serialize + ?Sized>(value: &T) -> String {
        serde_json::to_string(value).expect("types kept as JSON have text keys and no failing Serialize")
    }

    /// As [`text`](Json::text), but nothing for an empty list, which is most of them.
    pub(crate) fn text_unless_empty<T: serde::Serialize>(list: &[T]) -> Option<String> {
        (!list.is_empty()).then(|| Json::text(list))
    }
}

impl<T: serde::de::DeserializeOwned> FromColumn for Json<T> {
    const EXPECTED: &'static str = "JSON of our own";
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => serde_json::from_str(text).ok().map(Json),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_column(value).map(Some),
        }
    }
}

macro_rules! column {
    ($($type:ty, $expected:literal, $pattern:pat => $convert:expr;)+) => {$(
        impl FromColumn for $type {
            const EXPECTED: &'static str = $expected;
            fn from_column(value: Value<'_>) -> Option<Self> {
                match value { $pattern => $convert, _ => None }
            }
        }
    )+};
}

column! {
    i64, "an integer", Value::I64(n) => Some(n);
    i32, "an integer of 32 bits", Value::I64(n) => i32::try_from(n).ok();
    u32, "a positive integer of 32 bits", Value::I64(n) => u32::try_from(n).ok();
    String, "text", Value::Text(text) => Some(text.to_owned());
    Vec<u8>, "bytes", Value::Bytes(bytes) => Some(bytes.to_owned());
    [u8; 32], "32 bytes", Value::Bytes(bytes) => bytes.try_into().ok();
    Timestamp, "microseconds", Value::I64(n) => Some(Timestamp(n));
    Sha, "a full commit id", Value::Text(text) => text.parse().ok();
    AccessLevel, "an access level", Value::I64(n) => AccessLevel::from_number(n);
}

impl FromColumn for bool {
    const EXPECTED: &'static str = "a boolean";
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(bit) => Some(bit),
            Value::I64(0) => Some(false),
            Value::I64(1) => Some(true),
            _ => None,
        }
    }
}

impl FromColumn for f64 {
    const EXPECTED: &'static str = "a number";
    #[expect(
        clippy::cast_precision_loss,
        reason = "SQLite stores whole floats as integers; those are small"
    )]
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::F64(number) => Some(number),
            Value::I64(number) => Some(number as f64),
            _ => None,
        }
    }
}

macro_rules! ids {
    ($($type:ident)+) => {$(
        impl FromColumn for $type {
            const EXPECTED: &'static str = "an id";
            fn from_column(value: Value<'_>) -> Option<Self> {
                match value { Value::I64(n) => Some($type(n)), _ => None }
            }
        }
        impl From<$type> for Param<'_> {
            fn from(id: $type) -> Self { Param::I64(id.0) }
        }
    )+};
}

ids! {
    UserId NamespaceId ProjectId PipelineId PipelineIid JobId DefinitionId ExplanationId TriggerTokenId AccessTokenId
    RunnerId SessionId RunnerManagerId VariableId ScheduleId ArtifactId HookId HookEventId HookDeliveryId InboundHookId InboundDeliveryId EnvironmentId ResourceGroupId DeploymentId DeploymentIid
    TriggerLogId
}

macro_rules! words {
    ($($type:ident)+) => {$(
        impl FromColumn for $type {
            const EXPECTED: &'static str = concat!("a word of ", stringify!($type));
            fn from_column(value: Value<'_>) -> Option<Self> {
                match value { Value::Text(text) => $type::from_str(text).ok(), _ => None }
            }
        }
        impl From<$type> for Param<'_> {
            fn from(word: $type) -> Self { Param::Text(word.as_str()) }
        }
    )+};
}

words! {
    Reason TriggerOutcome Status Source When FailureReason PipelineFailureReason VariableKind Visibility UserState RunnerType RunnerAccess
    OnNewCommit OnJobFailure ProcessMode InboundOutcome Tier EnvironmentState AutoStopSetting DeploymentStatus
}

macro_rules! param {
    ($($type:ty, $name:ident => $convert:expr;)+) => {$(
        impl<'a> From<$type> for Param<'a> {
            fn from($name: $type) -> Self { $convert }
        }
    )+};
}

param! {
    i64, n => Param::I64(n);
    i32, n => Param::I64(n.into());
    u32, n => Param::I64(n.into());
    f64, n => Param::F64(n);
    bool, bit => Param::Bool(bit);
    &'a str, text => Param::Text(text);
    &'a String, text => Param::Text(text);
    &'a [u8], bytes => Param::Bytes(bytes);
    &'a Vec<u8>, bytes => Param::Bytes(bytes);
    &'a [u8; 32], bytes => Param::Bytes(bytes);
    &'a [i64], ids => Param::Ids(ids);
    &'a [&'a str], texts => Param::Texts(texts);
    &'a Sha, sha => Param::Text(sha.as_str());
    Timestamp, time => Param::I64(time.0);
    AccessLevel, level => Param::I64(level.number());
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

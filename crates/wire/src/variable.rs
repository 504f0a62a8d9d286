//! CI/CD variables of a project or group (rest-api.md 10).

use serde::Serialize;

/// A variable.
#[derive(Clone, Debug, Serialize)]
pub struct Variable {
    /// `env_var` or `file`.
    pub variable_type: String,
    /// Name.
    pub key: String,
    /// Value; null when hidden.
    pub value: Option<String>,
    /// Whether the value can never be read again.
    pub hidden: bool,
    /// Whether only jobs on protected refs get it.
    pub protected: bool,
    /// Whether the value is masked in logs.
    pub masked: bool,
    /// Whether the value is taken literally.
    pub raw: bool,
    /// Which environments get it; `*` = all.
    pub environment_scope: String,
    /// Free text.
    pub description: Option<String>,
}

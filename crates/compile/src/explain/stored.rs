//! The form in which an explanation is kept: what is the same for every pipeline of an unchanged
//! configuration apart from the values that its clauses saw.
//!
//! Read back by our own code alone. Fields may be added with a default, never renamed.

use super::{Explanation, SeenVariable};

/// An explanation in two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// JSON text: jobs, rules, verdicts. Holds no value of a variable.
    pub shape: String,
    /// JSON text: the variables; `None` when no clause looked at one.
    pub variables: Option<String>,
}

impl Explanation {
    /// Returns the stored form.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON, which does not happen.
    pub fn to_stored(&self) -> Result<Stored, serde_json::Error> {
        let variables = (!self.variables.is_empty()).then(|| serde_json::to_string(&self.variables));
        Ok(Stored {
            shape: serde_json::to_string(self)?,
            variables: variables.transpose()?,
        })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn from_stored(shape: &str, variables: Option<&str>) -> Result<Explanation, serde_json::Error> {
        let variables: Option<Vec<SeenVariable>> = variables.map(serde_json::from_str).transpose()?;
        let explanation: Explanation = serde_json::from_str(shape)?;
        Ok(Explanation {
            variables: variables.unwrap_or_default(),
            ..explanation
        })
    }
}

//! Job tokens: nothing is stored, the token itself says which hand-out of which job it is for.
//!
//! `glcbt-JOB_CLAIM_CODE`: numbers in hexadecimal and a keyed authentication code over both. It is
//! good while that very hand-out runs: the caller also compares the job's status and claim, so an
//! earlier hand-out's token is void as soon as the job is handed out again.

use model::{Job, JobId};
use subtle::ConstantTimeEq as _;

use crate::keys::{JOB_TOKEN_PREFIX, Keys};

/// Bytes of the authentication code in a token: 160 bits.
const CODE_LENGTH: usize = 20;

/// The hand-out a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOut {
    /// The job.
    pub job: JobId,
    /// Which of its hand-outs.
    pub claim: i32,
}

impl HandOut {
    /// Returns the present hand-out of a job.
    #[must_use]
    pub const fn of(job: &Job) -> HandOut {
        HandOut {
            job: job.id,
            claim: job.claim,
        }
    }
}

/// Returns the token of a job's present hand-out.
#[must_use]
pub fn make(keys: &Keys, hand_out: HandOut) -> String {
    let code = keys.job_token_code(hand_out.job.0, hand_out.claim);
    format!(
        "{JOB_TOKEN_PREFIX}{:x}_{:x}_{}",
        hand_out.job.0,
        hand_out.claim,
        hex(&code[..CODE_LENGTH])
    )
}

/// Returns what a token is for; `None` when it is not one of ours. Whether it is still good, [`is_valid_for`] says.
#[must_use]
pub fn read(keys: &Keys, token: &str) -> Option<HandOut> {
    let mut parts = token.strip_prefix(JOB_TOKEN_PREFIX)?.split('_');
    let job = i64::from_str_radix(parts.next()?, 16).ok()?;
    let claim = i32::from_str_radix(parts.next()?, 16).ok()?;
    let (code, None) = (parts.next()?, parts.next()) else {
        return None;
    };
    let expected = hex(&keys.job_token_code(job, claim)[..CODE_LENGTH]);
    bool::from(expected.as_bytes().ct_eq(code.as_bytes())).then_some(HandOut { job: JobId(job), claim })
}

/// Whether the token of this hand-out may act for the job now: it is with a runner, and with this one.
#[must_use]
pub fn is_valid_for(hand_out: HandOut, job: &Job) -> bool {
    job.id == hand_out.job && job.claim == hand_out.claim && job.status.is_executing()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAND_OUT: HandOut = HandOut {
        job: JobId(4711),
        claim: 2,
    };

    #[test]
    fn a_token_says_which_hand_out_it_is_for() {
        let keys = Keys::derive(&[7; 32]);
        let token = make(&keys, HAND_OUT);
        assert!(token.starts_with("glcbt-1267_2_"), "{token}");
        assert_eq!(read(&keys, &token), Some(HAND_OUT));
    }

    #[test]
    fn a_changed_or_foreign_token_is_refused() {
        let keys = Keys::derive(&[7; 32]);
        let token = make(&keys, HAND_OUT);
        assert_eq!(read(&Keys::derive(&[8; 32]), &token), None);
        for changed in [
            token.replace("_2_", "_3_"),
            token.replace("1267", "1268"),
            token.replace("1267", "+1267"),
            token.replace("glcbt-", "glpat-"),
            format!("{token}0"),
            format!("{token}_"),
            token[..token.len() - 1].to_owned(),
            "glcbt-".to_owned(),
            "glcbt-__".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                read(&keys, &changed).filter(|read| *read != HAND_OUT),
                None,
                "{changed}"
            );
        }
    }

    #[test]
    fn characters_of_a_token_are_those_that_runners_mask_behind_the_prefix() {
        let token = make(&Keys::derive(&[7; 32]), HAND_OUT);
        let maskable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '=' | '-');
        assert!(token.chars().all(maskable));
    }
}

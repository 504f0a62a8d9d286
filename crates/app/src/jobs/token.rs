//! Job tokens: nothing is stored, the token itself says which hand-out of which job it is for.
//!
//! `glcbt-JOB_CLAIM_CODE`: two numbers and a keyed authentication code over both. It is
//! good while that very hand-out runs: the caller also compares the job's status and claim, so an
//! earlier hand-out's token is void as soon as the job is handed out again.

use model::JobId;
use subtle::ConstantTimeEq as _;

use crate::keys::{JOB_TOKEN_PREFIX, Keys};

/// Bytes of the authentication code in a token: 160 bits.
const CODE_LENGTH: usize = 20;

/// Returns the token of a job for its present hand-out.
#[must_use]
pub fn make(keys: &Keys, job: JobId, claim: i32) -> String {
    format!("{JOB_TOKEN_PREFIX}{job}_{claim}_{}", code(keys, job, claim))
}

/// Returns the job and hand-out that a token is for; `None` when we did not make it.
///
/// It is good while the job has that claim and is with a runner.
#[must_use]
pub fn verify(keys: &Keys, token: &str) -> Option<(JobId, i32)> {
    let (job, rest) = token.strip_prefix(JOB_TOKEN_PREFIX)?.split_once('_')?;
    let (claim, given) = rest.split_once('_')?;
    let (job, claim) = (job.parse().ok()?, claim.parse().ok()?);
    bool::from(code(keys, job, claim).as_bytes().ct_eq(given.as_bytes())).then_some((job, claim))
}

fn code(keys: &Keys, job: JobId, claim: i32) -> String {
    let full = keys.job_token_code(job.0, claim);
    full[..CODE_LENGTH].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_job_and_hand_out_only() {
        let keys = Keys::derive(&[3; 32]);
        let token = make(&keys, JobId(12), 2);
        assert_eq!(verify(&keys, &token), Some((JobId(12), 2)));
        let code = token.rsplit('_').next().unwrap();
        for forged in [
            format!("glcbt-13_2_{code}"),
            format!("glcbt-12_3_{code}"),
            format!("glcbt-12_2_{code}0"),
        ] {
            assert_eq!(verify(&keys, &forged), None, "{forged}");
        }
        assert_eq!(verify(&Keys::derive(&[4; 32]), &token), None);
        for nonsense in [
            "",
            "glcbt-",
            "glcbt-1_",
            "glcbt-1_1_",
            "glcbt-x_1_00",
            "glptt-abc",
            "glcbt-_ _é",
        ] {
            assert_eq!(verify(&keys, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn characters_of_a_token_are_those_that_runners_mask_behind_the_prefix() {
        let token = make(&Keys::derive(&[7; 32]), JobId(12), 2);
        let maskable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '=' | '-');
        assert!(token.chars().all(maskable));
    }
}

//! Secrets: making tokens, finding them again by a keyed digest, sealing values at rest.
//!
//! The master key is 32 random bytes in a file of the data folder (mode 0600), read by the
//! server at start. Everything is derived from it by purpose, so a digest can never serve as
//! an encryption key. Tokens are never stored, only their digest; where GitLab shows a token
//! or a value again, it is sealed (XChaCha20-Poly1305) with what it belongs to as associated data.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Length of the random part of a token in characters of a 64-letter alphabet: 120 bits.
const TOKEN_LENGTH: usize = 20;

/// Bytes of a nonce in front of a sealed value.
const NONCE_LENGTH: usize = 24;

/// First byte of a sealed value: which key sealed it.
const KEY_VERSION: u8 = 1;

/// Prefix of trigger tokens.
pub const TRIGGER_TOKEN_PREFIX: &str = "glptt-";
/// Prefix of personal, project and group access tokens.
pub const ACCESS_TOKEN_PREFIX: &str = "glpat-";
/// Prefix of runner authentication tokens.
pub const RUNNER_TOKEN_PREFIX: &str = "glrt-";
/// Prefix of the authentication tokens of runners that were made with a registration token.
pub const REGISTERED_RUNNER_TOKEN_PREFIX: &str = "glrtr-";
/// Prefix of job tokens.
pub const JOB_TOKEN_PREFIX: &str = "glcbt-";

/// The keys derived from the master key.
pub struct Keys {
    digest: [u8; 32],
    job_token: [u8; 32],
    purposes: [u8; 32],
    cipher: XChaCha20Poly1305,
}

/// A sealed value cannot be opened: it was changed, belongs elsewhere or has another key.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value of `{purpose}` cannot be opened: it was changed, moved or sealed with another key")]
pub struct SealBroken {
    /// What it was sealed for.
    pub purpose: String,
}

impl Keys {
    /// Derives all keys from the 32 bytes of the master key.
    #[must_use]
    pub fn derive(master: &[u8; 32]) -> Keys {
        let key = |purpose: &str| mac(master, &[b"tripline key 1", purpose.as_bytes()]);
        Keys {
            digest: key("token digest"),
            job_token: key("job token"),
            purposes: key("digests by purpose"),
            cipher: XChaCha20Poly1305::new(&key("seal").into()),
        }
    }

    /// Returns the digest under which a token is stored.
    #[must_use]
    pub fn digest(&self, token: &str) -> [u8; 32] {
        mac(&self.digest, &[token.as_bytes()])
    }

    /// Returns a keyed digest of several texts, for one purpose only.
    #[must_use]
    pub fn digest_of(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut all = Vec::with_capacity(parts.len() + 1);
        all.push(purpose.as_bytes());
        all.extend_from_slice(parts);
        mac(&self.purposes, &all)
    }

    /// Returns the authentication code of a job token: keyed, over the job and its hand-out.
    #[must_use]
    pub fn job_token_code(&self, job: i64, claim: i32) -> [u8; 32] {
        mac(&self.job_token, &[&job.to_be_bytes(), &claim.to_be_bytes()])
    }

    /// Encrypts a value. `purpose` names table, column and row: a value copied to another place does not open there.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        random_bytes(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: purpose.as_bytes(),
                },
            )
            .expect("XChaCha20-Poly1305 only fails on messages beyond 256 GB");
        let mut out = Vec::with_capacity(1 + NONCE_LENGTH + sealed.len());
        out.push(KEY_VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Decrypts what [`Keys::seal`] made for the same purpose.
    ///
    /// # Errors
    ///
    /// [`SealBroken`] when the bytes or the purpose differ from what was sealed.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let broken = || SealBroken {
            purpose: purpose.to_owned(),
        };
        let (version, rest) = sealed.split_first().ok_or_else(broken)?;
        let (nonce, cipher_text) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(broken)?;
        if *version != KEY_VERSION {
            return Err(broken());
        }
        self.cipher
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: cipher_text,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|_| broken())
    }
}

/// Returns a new token: the prefix and 20 random characters of `A-Za-z0-9_-`.
#[must_use]
pub fn new_token(prefix: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let mut random = [0; TOKEN_LENGTH];
    random_bytes(&mut random);
    let mut token = String::with_capacity(prefix.len() + TOKEN_LENGTH);
    token.push_str(prefix);
    token.extend(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])));
    token
}

/// Fills a buffer from the system's random number generator.
///
/// # Panics
///
/// When the system has no randomness to give: nothing safe can be done then.
pub fn random_bytes(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the system's random number generator answers");
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_for_its_purpose_and_unchanged() {
        let keys = Keys::derive(&[7; 32]);
        let sealed = keys.seal("variables.value 1", b"secret");
        assert_eq!(keys.open("variables.value 1", &sealed).unwrap(), b"secret");
        assert!(keys.open("variables.value 2", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys.open("variables.value 1", &changed).is_err(), "byte {at}");
        }
        assert!(Keys::derive(&[8; 32]).open("variables.value 1", &sealed).is_err());
        assert!(keys.open("x", b"").is_err());
    }

    #[test]
    fn two_values_sealed_alike_differ() {
        let keys = Keys::derive(&[7; 32]);
        assert_ne!(keys.seal("p", b"same"), keys.seal("p", b"same"));
    }

    #[test]
    fn tokens_have_their_prefix_and_twenty_characters() {
        let token = new_token(TRIGGER_TOKEN_PREFIX);
        assert_eq!(token.len(), "glptt-".len() + 20);
        assert!(token.starts_with("glptt-"));
        assert_ne!(token, new_token(TRIGGER_TOKEN_PREFIX));
    }

    #[test]
    fn digests_depend_on_key_and_token() {
        let (a, b) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]));
        assert_eq!(a.digest("x"), a.digest("x"));
        assert_ne!(a.digest("x"), a.digest("y"));
        assert_ne!(a.digest("x"), b.digest("x"));
        assert_ne!(a.job_token_code(1, 1), a.job_token_code(1, 2));
    }
}

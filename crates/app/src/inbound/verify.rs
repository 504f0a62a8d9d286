//! Where a delivery comes from: signatures over the body as it came, and tokens.
//!
//! Everything is compared in constant time. A reason is for the hook's log; the sender is told nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{Provider, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How far the time in a signature may be from ours, in seconds: what Standard Webhooks advises.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

/// Signatures looked at in one header.
const MAX_SIGNATURES: usize = 10;

/// The prefix of secrets of Standard Webhooks.
pub const SIGNING_PREFIX: &str = "whsec_";

/// Headers of a delivery, by lower-case names.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Returns the first header of this lower-case name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Headers {
        let pair = |(name, value): (N, V)| (name.as_ref().to_ascii_lowercase(), value.into());
        Headers(pairs.into_iter().map(pair).collect())
    }
}

/// What a sender proves itself with.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Headers.
    pub headers: &'a Headers,
    /// `token` of the address.
    pub query_token: Option<&'a str>,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// Now.
    pub now: Timestamp,
}

/// Checks a delivery against the secrets that are good now.
///
/// # Errors
///
/// Why it does not come from who knows one of them.
pub fn verify(provider: Provider, secrets: &[&str], evidence: Evidence<'_>) -> Result<(), &'static str> {
    match provider {
        Provider::Github => hex(secrets, evidence, &["x-hub-signature-256"]),
        Provider::Bitbucket => hex(secrets, evidence, &["x-hub-signature", "x-hub-signature-256"]),
        Provider::Gitea => hex(secrets, evidence, &["x-gitea-signature", "x-hub-signature-256"]),
        Provider::Forgejo => hex(
            secrets,
            evidence,
            &["x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256"],
        ),
        Provider::Standard => standard(secrets, evidence),
        Provider::Gitlab => gitlab(secrets, evidence),
        Provider::Generic => generic(secrets, evidence),
    }
}

/// The hexadecimal HMAC-SHA256 of the body in the first of these headers that is there.
fn hex(secrets: &[&str], evidence: Evidence<'_>, names: &[&str]) -> Result<(), &'static str> {
    let given = names.iter().find_map(|name| evidence.headers.get(name));
    let given = given.ok_or("there is no signature")?.trim();
    let digits = given.strip_prefix("sha256=").unwrap_or(given);
    let signature = decode_hex(digits).ok_or("the signature is not one of SHA-256")?;
    let signed = |secret: &&str| {
        let mut mac = keyed(secret.as_bytes());
        mac.update(evidence.body);
        mac.verify_slice(&signature).is_ok()
    };
    any(secrets, signed)
}

/// Standard Webhooks: the signature covers id, time and body.
fn standard(secrets: &[&str], evidence: Evidence<'_>) -> Result<(), &'static str> {
    let header = |name: &str| evidence.headers.get(name).map(str::trim);
    let (Some(id), Some(time), Some(given)) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    ) else {
        return Err("webhook-id, webhook-timestamp or webhook-signature is missing");
    };
    let seconds: i64 = time.parse().map_err(|_| "webhook-timestamp is no number of seconds")?;
    let now = evidence.now.microseconds() / 1_000_000;
    if now.abs_diff(seconds) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err("webhook-timestamp is more than five minutes away");
    }
    let signatures: Vec<Vec<u8>> = given
        .split_ascii_whitespace()
        .take(MAX_SIGNATURES)
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
        .collect();
    let signed = |secret: &&str| {
        let Some(key) = signing_key(secret) else { return false };
        let one = |signature: &Vec<u8>| {
            let mut mac = keyed(&key);
            for part in [id.as_bytes(), b".", time.as_bytes(), b".", evidence.body] {
                mac.update(part);
            }
            mac.verify_slice(signature).is_ok()
        };
        signatures.iter().any(one)
    };
    any(secrets, signed)
}

/// Signing tokens sign as Standard Webhooks do; other secrets are sent as they are.
fn gitlab(secrets: &[&str], evidence: Evidence<'_>) -> Result<(), &'static str> {
    let (signing, plain): (Vec<&str>, Vec<&str>) = secrets.iter().partition(|secret| signing_key(secret).is_some());
    if !signing.is_empty() && evidence.headers.get("webhook-signature").is_some() {
        return standard(&signing, evidence);
    }
    if plain.is_empty() {
        return Err("there is no signature");
    }
    let given = evidence
        .headers
        .get("x-gitlab-token")
        .ok_or("there is no X-Gitlab-Token")?;
    any(&plain, |secret| is_same(secret, given))
}

/// The secret itself, wherever a sender can put it.
fn generic(secrets: &[&str], evidence: Evidence<'_>) -> Result<(), &'static str> {
    let mut given: Vec<String> = evidence.query_token.map(str::to_owned).into_iter().collect();
    let plain = ["x-tripline-token", "x-gitlab-token", "x-webhook-token"];
    given.extend(
        plain
            .iter()
            .filter_map(|name| evidence.headers.get(name))
            .map(str::to_owned),
    );
    if let Some(authorization) = evidence.headers.get("authorization") {
        given.push(credential(authorization));
    }
    if given.is_empty() {
        return Err("there is no token");
    }
    any(secrets, |secret| {
        given.iter().fold(false, |found, given| found | is_same(secret, given))
    })
}

/// The secret in `Authorization`: after `Bearer`, the password of `Basic`, otherwise all of it.
fn credential(authorization: &str) -> String {
    let (scheme, rest) = authorization.split_once(' ').unwrap_or(("", authorization));
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        return rest.trim().to_owned();
    }
    let password = || {
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        Some(pair.split_once(':')?.1.to_owned())
    };
    if scheme.eq_ignore_ascii_case("basic")
        && let Some(password) = password()
    {
        return password;
    }
    authorization.trim().to_owned()
}

/// Returns the key of `whsec_…`.
#[must_use]
pub fn signing_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(SIGNING_PREFIX)?).ok()?;
    (!key.is_empty()).then_some(key)
}

/// Looks at all secrets, whichever fits.
fn any<'a>(secrets: &[&'a str], fits: impl Fn(&&'a str) -> bool) -> Result<(), &'static str> {
    let fits = secrets.iter().fold(false, |found, secret| found | fits(secret));
    if fits {
        Ok(())
    } else {
        Err("signature or token is wrong")
    }
}

/// Compares digests: neither content nor length of the secret shows in the time that it takes.
fn is_same(secret: &str, given: &str) -> bool {
    Sha256::digest(secret).ct_eq(&Sha256::digest(given.trim())).into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn check(provider: Provider, secrets: &[&str], headers: &[(&str, &str)], body: &[u8], seconds: i64) -> bool {
        let headers: Headers = headers.iter().copied().collect();
        let evidence = Evidence {
            headers: &headers,
            query_token: None,
            body,
            now: Timestamp(seconds * 1_000_000),
        };
        verify(provider, secrets, evidence).is_ok()
    }

    #[test]
    fn signatures_of_github_and_its_like_are_those_of_the_documentation() {
        let prefixed = format!("sha256={SIGNATURE}");
        for (provider, name, value) in [
            (Provider::Github, "X-Hub-Signature-256", prefixed.as_str()),
            (Provider::Bitbucket, "X-Hub-Signature", &prefixed),
            (Provider::Gitea, "X-Gitea-Signature", SIGNATURE),
            (Provider::Forgejo, "X-Forgejo-Signature", SIGNATURE),
            (Provider::Forgejo, "X-Gitea-Signature", SIGNATURE),
        ] {
            let ok = |secrets: &[&str], name: &str, value: &str, body: &[u8]| {
                check(provider, secrets, &[(name, value)], body, 0)
            };
            assert!(ok(&[SECRET], name, value, BODY), "{provider:?}");
            assert!(
                ok(&["new", SECRET], name, value, BODY),
                "the previous secret is still good"
            );
            assert!(!ok(&["other"], name, value, BODY));
            assert!(!ok(&[SECRET], name, value, b"Hello, World"));
            assert!(!ok(&[SECRET], "X-Other", value, BODY));
            for bad in [
                "",
                "sha256=",
                "sha1=00",
                &value[..value.len() - 1],
                &value.replace('7', "8"),
                "é",
            ] {
                assert!(!ok(&[SECRET], name, bad, BODY), "{bad}");
            }
        }
    }

    /// The example of the specification of Standard Webhooks.
    const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SIGNED_BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn standard_check(id: &str, time: &str, signature: &str, body: &[u8], now: i64) -> bool {
        let headers = [
            ("webhook-id", id),
            ("Webhook-Timestamp", time),
            ("webhook-signature", signature),
        ];
        let is_good = check(Provider::Standard, &[SIGNING], &headers, body, now);
        assert_eq!(check(Provider::Gitlab, &[SIGNING], &headers, body, now), is_good);
        is_good
    }

    #[test]
    fn standard_webhooks_sign_id_time_and_body() {
        let time = TIME.to_string();
        assert!(standard_check(ID, &time, SIGNED, SIGNED_BODY, TIME));
        assert!(standard_check(ID, &time, SIGNED, SIGNED_BODY, TIME + TOLERANCE_SECONDS));
        assert!(standard_check(ID, &time, SIGNED, SIGNED_BODY, TIME - TOLERANCE_SECONDS));
        assert!(standard_check(
            ID,
            &time,
            &format!("v1,AAAA v2,x {SIGNED}"),
            SIGNED_BODY,
            TIME
        ));
        assert!(!standard_check(
            ID,
            &time,
            SIGNED,
            SIGNED_BODY,
            TIME + TOLERANCE_SECONDS + 1
        ));
        assert!(!standard_check(
            ID,
            &time,
            SIGNED,
            SIGNED_BODY,
            TIME - TOLERANCE_SECONDS - 1
        ));
        assert!(!standard_check("other", &time, SIGNED, SIGNED_BODY, TIME));
        assert!(!standard_check(ID, &(TIME + 1).to_string(), SIGNED, SIGNED_BODY, TIME));
        assert!(!standard_check(ID, &time, SIGNED, b"{}", TIME));
        for bad in ["", "x", "9999999999999999999999", "-9223372036854775808"] {
            assert!(!standard_check(ID, bad, SIGNED, SIGNED_BODY, TIME), "{bad}");
        }
        for bad in ["", "v1,", "v1", "v1,!", &SIGNED[3..], "v1a,AAAA"] {
            assert!(!standard_check(ID, &time, bad, SIGNED_BODY, TIME), "{bad}");
        }
    }

    #[test]
    fn a_signing_token_of_gitlab_does_not_count_as_a_plain_one() {
        let headers = [("X-Gitlab-Token", SIGNING)];
        assert!(!check(Provider::Gitlab, &[SIGNING], &headers, b"{}", TIME));
        assert!(check(
            Provider::Gitlab,
            &["plain"],
            &[("X-Gitlab-Token", "plain")],
            b"{}",
            TIME
        ));
        assert!(!check(
            Provider::Gitlab,
            &["plain"],
            &[("X-Gitlab-Token", "plane")],
            b"{}",
            TIME
        ));
        assert!(!check(Provider::Gitlab, &["plain"], &[], b"{}", TIME));
    }

    #[test]
    fn a_free_form_sender_puts_the_secret_where_it_can() {
        for (name, value) in [
            ("X-Tripline-Token", "s3cret"),
            ("Authorization", "Bearer s3cret"),
            ("Authorization", "Basic aG9vazpzM2NyZXQ="),
            ("Authorization", "s3cret"),
        ] {
            assert!(
                check(Provider::Generic, &["s3cret"], &[(name, value)], b"", 0),
                "{value}"
            );
            assert!(
                !check(Provider::Generic, &["other"], &[(name, value)], b"", 0),
                "{value}"
            );
        }
        assert!(!check(
            Provider::Generic,
            &["s3cret"],
            &[("Authorization", "Basic !")],
            b"",
            0
        ));
        assert!(!check(Provider::Generic, &["s3cret"], &[], b"", 0));
        let evidence = Evidence {
            headers: &Headers::default(),
            query_token: Some("s3cret"),
            body: b"",
            now: Timestamp(0),
        };
        assert!(verify(Provider::Generic, &["s3cret"], evidence).is_ok());
        assert!(verify(Provider::Gitlab, &["s3cret"], evidence).is_err());
    }
}

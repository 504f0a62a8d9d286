//! The cookies of browsers: names, reading, writing.

use app::ExternalUrl;
use axum::http::{HeaderMap, HeaderValue, header};

/// The session. With https it has a name that binds it to exactly this server, or to https where the server has only a
/// part of its host.
const SESSION: &str = "tripline_session";
const SESSION_HTTPS: &str = "__Host-tripline_session";
const SESSION_BELOW: &str = "__Secure-tripline_session";

/// What a browser without session is known by, for its forms.
pub(crate) const STRANGER: &str = "tripline_browser";
/// The language that was chosen.
pub(crate) const LANGUAGE: &str = "tripline_language";
/// The theme that was chosen.
pub(crate) const THEME: &str = "tripline_theme";
/// The time zone; the script sets it as well.
pub(crate) const ZONE: &str = "tripline_zone";
/// What was done, to be said on the next page.
pub(crate) const NOTICE: &str = "tripline_notice";

/// Longest value that is looked at, in bytes.
const MAX_VALUE: usize = 256;

/// Returns the name of the session's cookie.
pub(crate) const fn session_name(is_https: bool, root: &str) -> &'static str {
    match (is_https, root.is_empty()) {
        (true, true) => SESSION_HTTPS,
        (true, false) => SESSION_BELOW,
        (false, _) => SESSION,
    }
}

/// Returns what the cookie of the session holds. No other name will do: a neighbour below the same domain could set
/// one whose name does not bind it to this host, and have somebody work in a session that is not theirs.
pub(crate) fn session(headers: &HeaderMap, url: &ExternalUrl) -> Option<String> {
    get(headers, session_name(url.scheme() == "https", url.path()))
}

/// Returns what a cookie holds, unless it is empty.
pub(crate) fn get(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    let value = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    (!value.is_empty() && value.len() <= MAX_VALUE).then(|| value.replace("%2F", "/"))
}

/// Returns the header that sets a cookie for `age` seconds (0 removes it) and hides it from scripts. It goes to
/// addresses below `root` only, which is empty where the server has its host for itself.
pub(crate) fn set(is_https: bool, root: &str, name: &str, value: &str, age: u64) -> HeaderValue {
    let secure = if is_https { "; Secure" } else { "" };
    let path = if root.is_empty() { "/" } else { root };
    let text = format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers: HeaderMap = [(
            header::COOKIE,
            HeaderValue::from_static("xtripline_zone=no; tripline_zone=Asia%2FTokyo; tripline_theme="),
        )]
        .into_iter()
        .collect();
        assert_eq!(get(&headers, ZONE).as_deref(), Some("Asia/Tokyo"));
        assert_eq!(get(&headers, THEME), None);
        assert_eq!(session(&headers, &"http://ci.example".parse().unwrap()), None);
    }

    #[test]
    fn cookies_are_hidden_from_scripts_and_other_sites() {
        assert_eq!(
            set(true, "", session_name(true, ""), "x", 60),
            "__Host-tripline_session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set(false, "", "a", "", 0),
            "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set(true, "/ci", session_name(true, "/ci"), "x", 60),
            "__Secure-tripline_session=x; Path=/ci; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
    }
}

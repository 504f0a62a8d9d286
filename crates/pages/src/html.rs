//! HTML that was made here, and how a text of the outside becomes a part of it.

use std::fmt;

/// Finished HTML: templates do not escape it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Takes over HTML in which everything of the outside is escaped.
    pub(crate) fn new(html: String) -> Html {
        Html(html)
    }

    /// Returns the HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// A text that is escaped when it is written, for content and for quoted attributes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Percent-encodes a text for one part of an address; slashes stay.
#[must_use]
pub fn url_path(text: &str) -> String {
    encoded(text, b"-_.~/@:")
}

/// Percent-encodes a text for a value of a query.
#[must_use]
pub fn url_value(text: &str) -> String {
    encoded(text, b"-_.~")
}

fn encoded(text: &str, plain: &[u8]) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a text does not fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_the_outside_becomes_text() {
        let text = Escaped("<script>\"a\" & 'b'</script>é").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;é");
    }

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(url_path("a b/c?d#e\"é"), "a%20b/c%3Fd%23e%22%C3%A9");
        assert_eq!(url_value("a/b&c=d+e"), "a%2Fb%26c%3Dd%2Be");
    }
}

//! What people see in a browser: templates checked at compile time, texts in two languages, the graph of a
//! pipeline as SVG, logs as HTML, the style sheet and the script.
//!
//! A page is a struct of plain values that [`render`] turns into HTML. Nothing here knows HTTP, a database or
//! who may see what: `web` asks the use cases and fills in. Every text of the outside is escaped by the
//! templates; what is HTML already is [`Html`] and made here only.

pub mod assets;
pub mod frame;
pub mod graph;
pub mod html;
pub mod language;
pub mod log;
pub mod moment;
pub mod status;
pub mod texts;
pub mod views;

pub use frame::{Frame, GroupFrame, GroupTab, Notice, ProjectFrame, Tab, Theme, Viewer};
pub use html::Html;
pub use language::Language;

/// Turns a page into HTML.
///
/// # Panics
///
/// When a value refuses to be written, which none of ours does.
pub fn render(page: &impl askama::Template) -> String {
    page.render().expect("texts and numbers can be written")
}

/// As [`render`], for a server that lives below a path (`/ci`): every address of it gets that in front.
///
/// A quote of the outside is always escaped, so what looks like an attribute here is one of ours.
///
/// # Panics
///
/// As [`render`].
pub fn render_below(root: &str, page: &impl askama::Template) -> String {
    let html = render(page);
    if root.is_empty() { html } else { below(root, &html) }
}

fn below(root: &str, html: &str) -> String {
    const ATTRIBUTES: &[&str] = &["href", "action", "src", "data-events", "data-grows", "data-root"];
    let root = html::Escaped(root).to_string();
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    while let Some(at) = rest.find("=\"/") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = before.rsplit(' ').next().unwrap_or_default();
        out.push_str("=\"");
        if ATTRIBUTES.contains(&name) {
            out.push_str(&root);
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_server_get_its_path_in_front_and_texts_do_not() {
        let html = "<a class=\"x\" href=\"/a/b\">href=&quot;/c&quot; =\"/</a><a href=\"#L1\"></a><input value=\"/d\"><use href=\"/-/assets/i.svg#x\"/>";
        assert_eq!(
            below("/ci", html),
            "<a class=\"x\" href=\"/ci/a/b\">href=&quot;/c&quot; =\"/</a><a href=\"#L1\"></a><input value=\"/d\"><use href=\"/ci/-/assets/i.svg#x\"/>"
        );
    }
}

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

pub use frame::{Frame, Notice, ProjectFrame, Tab, Theme, Viewer};
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

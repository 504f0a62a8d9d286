//! A diagnostic as people read it: message, file, line, excerpt, hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::load::Source;

/// Longest line that is shown; of longer ones only the place is named.
const LONGEST: usize = 400;

/// Returns a text of several lines, without colors.
#[must_use]
pub fn render(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    report(diagnostic, sources, &Renderer::plain())
}

/// Returns the same with colors for a terminal.
#[must_use]
pub fn render_colored(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    report(diagnostic, sources, &Renderer::styled())
}

fn report(diagnostic: &Diagnostic, sources: &[Source], renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut main = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    let excerpts: Vec<(&Location, Option<Excerpt>)> = diagnostic
        .locations
        .iter()
        .map(|location| (location, excerpt(location, sources)))
        .collect();
    for (index, (location, excerpt)) in excerpts.iter().enumerate() {
        let kind = if index == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        main = match excerpt {
            Some(excerpt) => main.element(
                Snippet::source(excerpt.text)
                    .path(location.file.as_str())
                    .line_start(location.line as usize)
                    .annotation(
                        kind.span(excerpt.range.clone())
                            .label(if index == 0 { "" } else { "used here" }),
                    ),
            ),
            None => main.element(
                annotate_snippets::Origin::path(location.file.as_str())
                    .line(location.line as usize)
                    .char_column(location.column as usize),
            ),
        };
    }
    if let Some(hint) = &diagnostic.hint {
        main = main.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[main]).to_string()
}

/// A line and the bytes of it that matter.
struct Excerpt<'a> {
    text: &'a str,
    range: Range<usize>,
}

fn excerpt<'a>(location: &Location, sources: &'a [Source]) -> Option<Excerpt<'a>> {
    let source = sources.iter().find(|source| source.name == location.file)?;
    let line = location.line.checked_sub(1)?;
    let text = source
        .text
        .lines()
        .nth(line as usize)
        .filter(|text| text.len() <= LONGEST && !text.is_empty())?;
    let start = text
        .char_indices()
        .nth(location.column.saturating_sub(1) as usize)
        .map_or(text.len(), |(at, _)| at);
    let rest = &text[start..];
    let length = rest
        .find([':', ',', ']', '}', ' '])
        .filter(|length| *length > 0)
        .unwrap_or(rest.len());
    Some(Excerpt {
        text,
        range: start..start + length,
    })
}

//! A job's log as HTML: lines with numbers, colors of terminals, sections that fold.
//!
//! Two phases: `parse` makes a tree of lines and sections out of bytes, `write` makes HTML of it, of all or
//! of what comes after a line (what a growing page asks for). Whatever the bytes are, the result is text:
//! control characters vanish, markup is escaped, colors are classes out of a fixed set.

mod ansi;

use std::fmt::Write as _;

pub use ansi::palette;

use crate::html::{Escaped, Html};
use crate::moment::Reading;
use ansi::Style;

/// A part of a log that begins at a line's start.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Number of its first line, from 1.
    pub first_line: u64,
}

/// Deepest nesting of sections that is shown; deeper ones are shown flat.
const MOST_DEPTH: usize = 16;

/// Renders a part.
#[must_use]
pub fn render(part: Part<'_>, reading: &Reading) -> Html {
    let mut out = String::with_capacity(part.bytes.len() * 2);
    write_items(&mut out, &parse(part), 0, reading);
    Html::new(out)
}

/// Renders what of a part comes after a line: new lines, and sections that go on as `<details data-part>`
/// without their summary.
#[must_use]
pub fn render_after(part: Part<'_>, line: u64, reading: &Reading) -> Html {
    let mut out = String::new();
    write_items(&mut out, &parse(part), line, reading);
    Html::new(out)
}

/// Returns the last lines of a log as plain text, for a glance at a failed job.
#[must_use]
pub fn last_lines(bytes: &[u8], most: usize) -> Html {
    let items = parse(Part { bytes, first_line: 1 });
    let mut lines = Vec::new();
    flatten(&items, &mut lines);
    let skip = lines.len().saturating_sub(most);
    Html::new(lines[skip..].join("\n"))
}

fn flatten<'a>(items: &'a [Item], lines: &mut Vec<&'a str>) {
    for item in items {
        match item {
            Item::Line { html, .. } => lines.push(html),
            Item::Section { header, items, .. } => {
                lines.push(header);
                flatten(items, lines);
            }
        }
    }
}

/// A line, or a section with its lines.
enum Item {
    Line {
        number: u64,
        html: String,
    },
    Section {
        number: u64,
        header: String,
        collapsed: bool,
        started: i64,
        ended: Option<i64>,
        items: Vec<Item>,
    },
}

impl Item {
    /// Whether anything of it comes after a line.
    fn reaches_beyond(&self, line: u64) -> bool {
        match self {
            Item::Line { number, .. } => *number > line,
            Item::Section { number, items, .. } => {
                *number > line || items.last().is_some_and(|last| last.reaches_beyond(line))
            }
        }
    }
}

/// A section that has begun and not ended.
struct Open {
    name: String,
    item: Item,
}

/// What a line says about sections.
enum Marker<'a> {
    Start { name: &'a str, at: i64, collapsed: bool },
    End { name: &'a str, at: i64 },
}

fn parse(part: Part<'_>) -> Vec<Item> {
    let text = String::from_utf8_lossy(part.bytes);
    let mut style = Style::default();
    let mut top = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for (number, line) in (part.first_line..).zip(text.split_inclusive('\n')) {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = without_time(line.strip_suffix('\r').unwrap_or(line));
        let mut visible = "";
        let mut begun = false;
        let mut marked = false;
        for segment in line.split('\r') {
            match marker(segment) {
                Some(Marker::Start { name, at, collapsed }) => {
                    begun = true;
                    marked = true;
                    if open.len() < MOST_DEPTH {
                        open.push(Open {
                            name: name.to_owned(),
                            item: Item::Section {
                                number,
                                header: String::new(),
                                collapsed,
                                started: at,
                                ended: None,
                                items: Vec::new(),
                            },
                        });
                    }
                }
                Some(Marker::End { name, at }) => {
                    marked = true;
                    close(&mut top, &mut open, name, at);
                }
                // What was written over is gone.
                None if !segment.is_empty() => visible = segment,
                None => {}
            }
        }
        let html = style.apply(visible);
        match open.last_mut() {
            Some(Open {
                item: Item::Section { header, .. },
                ..
            }) if begun => *header = html,
            _ if marked && html.is_empty() => {}
            _ => push(&mut top, &mut open, Item::Line { number, html }),
        }
    }
    while let Some(last) = open.pop() {
        push(&mut top, &mut open, last.item);
    }
    top
}

/// Ends the innermost section of that name and those inside of it.
fn close(top: &mut Vec<Item>, open: &mut Vec<Open>, name: &str, at: i64) {
    let Some(index) = open.iter().rposition(|one| one.name == name) else {
        return;
    };
    while open.len() > index {
        let Some(mut last) = open.pop() else { return };
        if let Item::Section { ended, .. } = &mut last.item {
            *ended = Some(at);
        }
        push(top, open, last.item);
    }
}

fn push(top: &mut Vec<Item>, open: &mut [Open], item: Item) {
    match open.last_mut() {
        Some(Open {
            item: Item::Section { items, .. },
            ..
        }) => items.push(item),
        _ => top.push(item),
    }
}

/// Reads `section_start:TIME:NAME[collapsed=true]` or `section_end:TIME:NAME`.
fn marker(segment: &str) -> Option<Marker<'_>> {
    let segment = segment.strip_prefix("\u{1b}[0K").unwrap_or(segment);
    let (is_start, rest) = match segment.strip_prefix("section_start:") {
        Some(rest) => (true, rest),
        None => (false, segment.strip_prefix("section_end:")?),
    };
    let (at, name) = rest.split_once(':')?;
    let at = at.parse().ok()?;
    let (name, options) = name.split_once('[').unwrap_or((name, ""));
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_word) {
        return None;
    }
    Some(if is_start {
        let collapsed = options.contains("collapsed=true");
        Marker::Start { name, at, collapsed }
    } else {
        Marker::End { name, at }
    })
}

/// Takes off the time and stream that runners may put before a line: `2026-01-02T03:04:05.678901Z 00O `.
fn without_time(line: &str) -> &str {
    let bytes = line.as_bytes();
    let is_stamp = bytes.len() >= 32
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes[26] == b'Z'
        && bytes[27] == b' '
        && bytes[28].is_ascii_hexdigit()
        && bytes[29].is_ascii_hexdigit()
        && matches!(bytes[30], b'O' | b'E')
        && matches!(bytes[31], b' ' | b'+')
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if is_stamp { &line[32..] } else { line }
}

fn write_items(out: &mut String, items: &[Item], after: u64, reading: &Reading) {
    for item in items.iter().filter(|item| item.reaches_beyond(after)) {
        match item {
            Item::Line { number, html } => write_line(out, *number, html),
            Item::Section {
                number,
                header,
                collapsed,
                started,
                ended,
                items,
            } => {
                let took = ended.map(|ended| reading.seconds(ended - started)).unwrap_or_default();
                if *number > after {
                    let state = if *collapsed { "" } else { " open" };
                    write!(
                        out,
                        "<details id=\"S{number}\"{state}><summary><i id=\"L{number}\">{number}</i>\
                         <b>{header}</b><span class=\"took\">{}</span></summary>",
                        Escaped(&took)
                    )
                    .expect("writing to a text does not fail");
                } else {
                    write!(out, "<details id=\"S{number}\" data-part=\"{}\">", Escaped(&took))
                        .expect("writing to a text does not fail");
                }
                write_items(out, items, after, reading);
                out.push_str("</details>");
            }
        }
    }
}

fn write_line(out: &mut String, number: u64, html: &str) {
    write!(
        out,
        "<div><a id=\"L{number}\" href=\"#L{number}\" tabindex=\"-1\">{number}</a><span>{html}</span></div>"
    )
    .expect("writing to a text does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn reading() -> Reading {
        Reading {
            now: model::Timestamp(0),
            zone: jiff::tz::TimeZone::UTC,
            language: Language::English,
        }
    }

    /// The tree in one line: `number:text`, sections in brackets.
    fn tree(items: &[Item]) -> String {
        let one = |item: &Item| match item {
            Item::Line { number, html } => format!("{number}:{html}"),
            Item::Section {
                number,
                header,
                started,
                ended,
                items,
                ..
            } => {
                let took = ended.map_or("?".to_owned(), |ended| (ended - started).to_string());
                format!("{number}:{header} {took}s [{}]", tree(items))
            }
        };
        items.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn parsed(text: &str) -> String {
        tree(&parse(Part {
            bytes: text.as_bytes(),
            first_line: 1,
        }))
    }

    #[test]
    fn sections_nest_and_know_how_long_they_took() {
        let text = "a\nsection_start:10:x\r\x1b[0KHead\nb\nsection_start:11:y[collapsed=true]\r\x1b[0KInner\nc\n\
                    section_end:13:y\r\x1b[0Ksection_end:20:x\r\x1b[0Kd\n";
        assert_eq!(parsed(text), "1:a 2:Head 10s [3:b 4:Inner 2s [5:c]] 6:d");
    }

    #[test]
    fn ends_without_a_start_and_starts_without_an_end_do_no_harm() {
        assert_eq!(parsed("section_end:1:x\r\x1b[0K\na\n"), "2:a");
        assert_eq!(parsed("section_start:1:x\r\x1b[0KHead\na\n"), "1:Head ?s [2:a]");
        assert_eq!(
            parsed("section_start:1:x\r\x1b[0KA\nsection_start:1:y\r\x1b[0KB\nsection_end:2:x\r\x1b[0K\nz\n"),
            "1:A 1s [2:B 1s []] 4:z"
        );
        assert_eq!(parsed("section_start:no:x\ra"), "1:a");
    }

    #[test]
    fn what_was_written_over_is_gone_and_times_are_taken_off() {
        assert_eq!(parsed("10%\r50%\r100%\r\nnext"), "1:100% 2:next");
        assert_eq!(parsed("2026-01-02T03:04:05.678901Z 00O hello"), "1:hello");
    }

    #[test]
    fn markup_and_control_characters_are_text() {
        let html = render(
            Part {
                bytes: b"<script>alert(1)</script>\x07\x00\xff\nsection_start:1:x\r\x1b[0K<b>head</b>\n",
                first_line: 7,
            },
            &reading(),
        );
        assert!(!html.as_str().contains("<script>") && !html.as_str().contains("<b>head</b>"));
        assert!(html.as_str().contains("id=\"L7\"") && html.as_str().contains("&lt;b&gt;head"));
    }

    #[test]
    fn what_comes_after_a_line_goes_on_in_its_section() {
        let bytes = b"a\nsection_start:1:x\r\x1b[0KHead\nb\nc\n";
        let html = render_after(Part { bytes, first_line: 1 }, 3, &reading());
        assert_eq!(
            html.as_str(),
            "<details id=\"S2\" data-part=\"\"><div><a id=\"L4\" href=\"#L4\" tabindex=\"-1\">4</a><span>c</span></div></details>"
        );
    }

    #[test]
    fn the_last_lines_of_a_log_come_without_markers() {
        let html = last_lines(b"a\nsection_start:1:x\r\x1b[0KHead\nb\nc<\n", 2);
        assert_eq!(html.as_str(), "b\nc&lt;");
    }
}

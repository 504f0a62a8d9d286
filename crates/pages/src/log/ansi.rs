//! The colors of terminals as classes: SGR codes with 16, 256 and 16 million colors, the last as the nearest of 256.

use std::fmt::Write as _;

use crate::html::Escaped;

/// How text looks at one place of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    foreground: Option<u8>,
    background: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
}

impl Style {
    /// Returns a line's HTML; the style at its end goes on in the next one.
    pub(super) fn apply(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut rest = text;
        while !rest.is_empty() {
            let plain = rest.find(|c: char| c.is_control() && c != '\t').unwrap_or(rest.len());
            self.write(&mut out, &rest[..plain]);
            rest = &rest[plain..];
            rest = match rest.strip_prefix("\u{1b}[") {
                Some(sequence) => self.sequence(sequence),
                None if rest.starts_with("\u{1b}]") => after_title(rest),
                None => {
                    let mut chars = rest.chars();
                    chars.next();
                    chars.as_str()
                }
            };
        }
        out
    }

    fn write(&self, out: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        if *self == Style::default() {
            write!(out, "{}", Escaped(text)).expect("writing to a text does not fail");
            return;
        }
        out.push_str("<span class=\"");
        let start = out.len();
        let (foreground, background) = if self.inverse {
            (Some(self.background.unwrap_or(0)), Some(self.foreground.unwrap_or(7)))
        } else {
            (self.foreground, self.background)
        };
        let mut class = |word: std::fmt::Arguments<'_>| {
            if out.len() > start {
                out.push(' ');
            }
            out.write_fmt(word).expect("writing to a text does not fail");
        };
        if let Some(color) = foreground {
            class(format_args!("f{color}"));
        }
        if let Some(color) = background {
            class(format_args!("b{color}"));
        }
        for (is_on, word) in [
            (self.bold, "bo"),
            (self.dim, "di"),
            (self.italic, "it"),
            (self.underlined, "un"),
            (self.struck, "st"),
        ] {
            if is_on {
                class(format_args!("{word}"));
            }
        }
        write!(out, "\">{}</span>", Escaped(text)).expect("writing to a text does not fail");
    }

    /// Reads a control sequence behind `ESC [` and returns what follows it.
    fn sequence<'a>(&mut self, text: &'a str) -> &'a str {
        let end = text.find(|c: char| ('\u{40}'..='\u{7e}').contains(&c) || !c.is_ascii());
        let Some(end) = end else { return "" };
        let Some(rest) = text[end..].strip_prefix(|c: char| c.is_ascii()) else {
            return &text[end..];
        };
        if text[end..].starts_with('m') {
            self.select(&text[..end]);
        }
        rest
    }

    fn select(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|code| match code {
            "" => 0,
            code => code.parse::<u16>().unwrap_or(u16::MAX),
        });
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                7 => self.inverse = true,
                9 => self.struck = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                27 => self.inverse = false,
                29 => self.struck = false,
                30..=37 => self.foreground = Some((code - 30) as u8),
                38 => self.foreground = extended(&mut codes).or(self.foreground),
                39 => self.foreground = None,
                40..=47 => self.background = Some((code - 40) as u8),
                48 => self.background = extended(&mut codes).or(self.background),
                49 => self.background = None,
                90..=97 => self.foreground = Some((code - 90 + 8) as u8),
                100..=107 => self.background = Some((code - 100 + 8) as u8),
                _ => {}
            }
        }
    }
}

/// Reads `5;N` or `2;R;G;B`.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<u8> {
    match codes.next()? {
        5 => u8::try_from(codes.next()?).ok(),
        2 => {
            let mut level = || u8::try_from(codes.next()?.min(255)).ok();
            Some(nearest(level()?, level()?, level()?))
        }
        _ => None,
    }
}

/// The nearest color of the cube of 6 × 6 × 6.
fn nearest(red: u8, green: u8, blue: u8) -> u8 {
    let step = |level: u8| match level {
        0..48 => 0,
        48..115 => 1,
        level => (level - 35) / 40,
    };
    16 + 36 * step(red) + 6 * step(green) + step(blue)
}

/// Skips `ESC ] … BEL` (or `ESC \`), by which programs set the title of a window.
fn after_title(text: &str) -> &str {
    match text[2..].find(['\u{7}', '\u{1b}']) {
        Some(at) => {
            let rest = &text[2 + at..];
            let rest = rest.strip_prefix("\u{1b}\\").unwrap_or(rest);
            rest.strip_prefix('\u{7}').unwrap_or(rest)
        }
        None => "",
    }
}

/// Colors 0 to 15 on the dark ground of a log, each readable there.
const BASIC: [&str; 16] = [
    "#8b949e", "#ff8a80", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#e6edf3", "#a5afba", "#ffa198",
    "#aff5b4", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#ffffff",
];

/// The style sheet of the colors.
#[must_use]
pub fn palette() -> String {
    let mut out = String::with_capacity(12_000);
    for (number, color) in BASIC.iter().enumerate() {
        write!(
            out,
            ".f{number}{{color:{color}}}.b{number}{{background:{color};color:#0d1117}}"
        )
        .expect("writing to a text does not fail");
    }
    for number in 16..=255_u8 {
        let [red, green, blue] = rgb(number);
        // Dark ones are lifted: they are meant for a light ground or nobody's eyes.
        let lift = |level: u8| level.max(96);
        write!(
            out,
            ".f{number}{{color:#{:02x}{:02x}{:02x}}}.b{number}{{background:#{red:02x}{green:02x}{blue:02x}}}",
            lift(red),
            lift(green),
            lift(blue)
        )
        .expect("writing to a text does not fail");
    }
    out
}

/// The color of a number from 16 on: a cube, then a scale of grays.
const fn rgb(number: u8) -> [u8; 3] {
    if number >= 232 {
        let gray = 8 + 10 * (number - 232);
        return [gray, gray, gray];
    }
    let n = number - 16;
    let steps = [n / 36, n / 6 % 6, n % 6];
    let mut out = [0; 3];
    let mut index = 0;
    while index < 3 {
        out[index] = if steps[index] == 0 { 0 } else { 55 + 40 * steps[index] };
        index += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        Style::default().apply(text)
    }

    #[test]
    fn codes_become_classes() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\x1b[32mgreen\x1b[0m no", "<span class=\"f2\">green</span> no"),
            ("\x1b[1;31;44mx", "<span class=\"f1 b4 bo\">x</span>"),
            ("\x1b[38;5;200mx", "<span class=\"f200\">x</span>"),
            ("\x1b[38;2;255;0;0mx", "<span class=\"f196\">x</span>"),
            ("\x1b[97mx\x1b[39my", "<span class=\"f15\">x</span>y"),
            ("\x1b[7mx", "<span class=\"f0 b7\">x</span>"),
            ("\x1b[mx", "x"),
        ] {
            assert_eq!(html(text), expected, "{text:?}");
        }
    }

    #[test]
    fn other_sequences_and_broken_ones_vanish() {
        for (text, expected) in [
            ("a\x1b[0Kb", "ab"),
            ("a\x1b[2J\x1b[1;1Hb", "ab"),
            ("a\x1b]0;title\x07b", "ab"),
            ("a\x1b]0;title\x1b\\b", "ab"),
            ("a\x1b]never ends", "a"),
            ("a\x1b[31", "a"),
            ("a\x1bb", "ab"),
            ("a\x1b[38;5mb", "ab"),
            ("a\x1b[38;2;999;0mb", "ab"),
            ("a\x1b[3é", "aé"),
        ] {
            assert_eq!(html(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_style_goes_on_in_the_next_line() {
        let mut style = Style::default();
        assert_eq!(style.apply("\x1b[31ma"), "<span class=\"f1\">a</span>");
        assert_eq!(style.apply("b"), "<span class=\"f1\">b</span>");
    }
}

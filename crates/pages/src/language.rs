//! The languages of the pages.

/// A language in which all texts exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// Every language.
    pub const ALL: &'static [Language] = &[Language::English, Language::Japanese];

    /// Returns its code, as in HTML's `lang`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Japanese => "ja",
        }
    }

    /// Returns its own name.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Japanese => "日本語",
        }
    }

    /// Returns the language of a code; region and script do not matter.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Language> {
        let primary = code.split(['-', '_']).next().unwrap_or_default();
        Language::ALL
            .iter()
            .copied()
            .find(|language| language.code().eq_ignore_ascii_case(primary.trim()))
    }

    /// Returns the language that an `Accept-Language` header likes best; English when it names none of ours.
    #[must_use]
    pub fn accepted(header: &str) -> Language {
        let mut best = (Language::default(), 0.0_f32);
        for range in header.split(',').take(32) {
            let mut parts = range.split(';');
            let Some(language) = Language::of_code(parts.next().unwrap_or_default()) else {
                continue;
            };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_language_wins() {
        for (header, expected) in [
            ("", Language::English),
            ("ja", Language::Japanese),
            ("ja-JP,ja;q=0.9,en;q=0.8", Language::Japanese),
            ("en-US,ja;q=0.5", Language::English),
            ("fr,de;q=0.9,ja;q=0.1", Language::Japanese),
            ("fr;q=0.9,*;q=0.1", Language::English),
            ("ja;q=0", Language::English),
            ("ja;q=x,en;q=0.5", Language::Japanese),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }
}

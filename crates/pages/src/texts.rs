//! Every text of the pages in every language, side by side: one that is missing does not compile.

use crate::frame::Theme;
use crate::language::Language;

macro_rules! texts {
    ($($(fn)? $name:ident $(($($param:ident: $type:ty),*))? = $english:literal, $japanese:literal;)+) => {
        #[expect(missing_docs, reason = "the text says it")]
        impl Language {
            $(texts!(@one $name $(($($param: $type),*))? = $english, $japanese);)+
        }
    };
    (@one $name:ident = $english:literal, $japanese:literal) => {
        #[must_use]
        pub const fn $name(self) -> &'static str {
            match self {
                Language::English => $english,
                Language::Japanese => $japanese,
            }
        }
    };
    (@one $name:ident ($($param:ident: $type:ty),*) = $english:literal, $japanese:literal) => {
        #[must_use]
        pub fn $name(self, $($param: $type),*) -> String {
            match self {
                Language::English => format!($english),
                Language::Japanese => format!($japanese),
            }
        }
    };
}

mod artifacts;
mod common;
mod environments;
mod errors;
mod hooks;
mod inbound;
mod pipelines;
mod projects;
mod schedules;
mod settings;
mod trigger_log;

impl Language {
    /// The word for a theme.
    #[must_use]
    pub const fn theme_name(self, theme: &Theme) -> &'static str {
        match theme {
            Theme::Auto => self.theme_auto(),
            Theme::Light => self.theme_light(),
            Theme::Dark => self.theme_dark(),
        }
    }
}

//! The style sheet, the script and the icons, under addresses that change with their content.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

/// A file that every browser may keep for ever, because its address changes with it.
#[derive(Debug)]
pub struct Asset {
    /// Its address below the server.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub text: String,
}

/// Start of the address of every asset.
pub const ASSETS: &str = "/-/assets/";

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/style.css").to_owned() + &crate::log::palette();
    Asset::new("style.css", "text/css; charset=utf-8", text)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/live.js").to_owned();
    Asset::new("live.js", "text/javascript; charset=utf-8", text)
});
static ICONS: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/icons.svg").to_owned();
    Asset::new("icons.svg", "image/svg+xml", text)
});
static LOGO: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/logo.svg").to_owned();
    Asset::new("logo.svg", "image/svg+xml", text)
});

impl Asset {
    fn new(name: &str, media_type: &'static str, text: String) -> Asset {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Asset {
            path: format!("{ASSETS}{:016x}/{name}", hasher.finish()),
            media_type,
            text,
        }
    }
}

/// Returns the asset of an address.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICONS, &*LOGO]
        .into_iter()
        .find(|asset| asset.path == path)
}

/// Address of the style sheet.
#[must_use]
pub fn style_path() -> &'static str {
    &STYLE.path
}

/// Address of the script.
#[must_use]
pub fn script_path() -> &'static str {
    &SCRIPT.path
}

/// Address of the icons.
#[must_use]
pub fn icons_path() -> &'static str {
    &ICONS.path
}

/// Address of the logo.
#[must_use]
pub fn logo_path() -> &'static str {
    &LOGO.path
}

//! Lists in pages: which page is wanted, and the headers that tell how to go on (rest-api.md 6).

mod links;

use app::{ExternalUrl, Result, Rows};
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::params::{Params, Reader};

pub(crate) use links::encoded;
use links::link_url;

/// Items on a page when the caller does not say.
pub const DEFAULT_PER_PAGE: i64 = 20;

/// Most items on a page; more are asked for in vain.
pub const MAX_PER_PAGE: i64 = 100;

/// Lists longer than this are not counted for the client: no `X-Total`, no last page.
pub const MAX_COUNTED: i64 = 10_000;

/// Furthest item that may be skipped to: beyond, a list has to be read by its filters.
///
/// An offset makes the database walk over everything before it.
const MAX_OFFSET: i64 = 50_000;

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub number: i64,
    /// Items on a page, 1 to [`MAX_PER_PAGE`].
    pub per_page: i64,
}

/// A page of a list with what is known about the rest.
#[derive(Debug)]
pub struct Listed<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What follows.
    pub extent: Extent,
}

/// How long a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This many items on all pages.
    Total(i64),
    /// Not counted; whether there is a next page.
    More(bool),
}

impl Page {
    /// Reads `page` and `per_page`.
    pub fn read(reader: &mut Reader<'_>) -> Page {
        let number = reader.int("page").unwrap_or(1);
        let per_page = reader.int("per_page").unwrap_or(DEFAULT_PER_PAGE);
        reader.check("page", number >= 1);
        reader.check("per_page", per_page >= 1);
        Page {
            number: number.max(1),
            per_page: per_page.clamp(1, MAX_PER_PAGE),
        }
    }

    /// Reads `page` and `per_page` of a call that has no other parameters.
    ///
    /// # Errors
    ///
    /// 400 when they are no positive numbers.
    pub fn from_params(params: &Params) -> Result<Page> {
        let mut reader = params.reader();
        let page = Page::read(&mut reader);
        reader.finish()?;
        Ok(page)
    }

    /// Returns the rows to read.
    ///
    /// # Errors
    ///
    /// As [`Page::offset`].
    pub fn of_store(self) -> Result<Rows> {
        Ok(Rows {
            limit: self.per_page,
            offset: self.offset()?,
        })
    }

    /// Returns the rows to read of a list that is not counted: one more than the page holds.
    ///
    /// # Errors
    ///
    /// As [`Page::offset`].
    pub fn of_store_and_one(self) -> Result<Rows> {
        Ok(Rows {
            limit: self.per_page + 1,
            offset: self.offset()?,
        })
    }

    /// Returns how many items to skip.
    ///
    /// # Errors
    ///
    /// 405 beyond [`MAX_OFFSET`], as GitLab answers where a list can be read by key.
    pub fn offset(self) -> Result<i64> {
        let offset = (self.number - 1).saturating_mul(self.per_page);
        if offset > MAX_OFFSET {
            return Err(app::Error::Status {
                status: 405,
                message: format!(
                    "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return objects of this type. Remaining records can be retrieved using keyset pagination."
                ),
            });
        }
        Ok(offset)
    }

    /// Cuts a list that is wholly in memory down to this page.
    #[must_use]
    pub fn cut<T>(self, all: Vec<T>) -> Listed<T> {
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from((self.number - 1).saturating_mul(self.per_page)).unwrap_or(usize::MAX);
        let take = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        Listed {
            items: all.into_iter().skip(skip).take(take).collect(),
            extent: Extent::Total(total),
        }
    }

    /// Makes a list of `total` items of those of this page.
    #[must_use]
    pub fn counted<T>(self, items: Vec<T>, total: i64) -> Listed<T> {
        Listed {
            items,
            extent: Extent::Total(total),
        }
    }

    /// Makes a list that is not counted from one item more than the page holds.
    #[must_use]
    pub fn uncounted<T>(self, mut items: Vec<T>) -> Listed<T> {
        let size = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        Listed {
            items,
            extent: Extent::More(more),
        }
    }
}

impl<T> Listed<T> {
    /// Converts every item.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Listed<U> {
        Listed {
            items: self.items.into_iter().map(convert).collect(),
            extent: self.extent,
        }
    }
}

/// Answers with one page and its headers.
pub fn answer<T: Serialize>(url: &ExternalUrl, params: &Params, page: Page, listed: Listed<T>) -> Response {
    let mut response = Json(listed.items).into_response();
    add_headers(response.headers_mut(), url, params, page, listed.extent);
    response
}

/// Answers with a page of a list that is read by key; `next` names the parameter and value that continue it.
pub fn keyset<T: Serialize>(
    url: &ExternalUrl,
    params: &Params,
    items: Vec<T>,
    next: Option<(&str, String)>,
) -> Response {
    let mut response = Json(items).into_response();
    if let Some((name, value)) = next {
        let link = format!("<{}>; rel=\"next\"", link_url(url, params, &[(name, &value)]));
        insert_text(response.headers_mut(), header::LINK, &link);
    }
    response
}

fn add_headers(headers: &mut HeaderMap, url: &ExternalUrl, params: &Params, page: Page, extent: Extent) {
    let pages = match extent {
        Extent::Total(total) => Some(((total + page.per_page - 1) / page.per_page).max(1)),
        Extent::More(_) => None,
    };
    let beyond = pages.is_some_and(|pages| page.number > pages);
    let previous = (page.number > 1 && !beyond).then(|| page.number - 1);
    let has_next = match extent {
        Extent::Total(_) => pages.is_some_and(|pages| page.number < pages),
        Extent::More(more) => more,
    };
    let next = has_next.then(|| page.number + 1);
    let counted = match extent {
        Extent::Total(total) if total <= MAX_COUNTED => pages.map(|pages| (total, pages)),
        _ => None,
    };

    let mut set = |name: &'static str, value: Option<i64>| {
        let text = value.map(|value| value.to_string()).unwrap_or_default();
        insert_text(headers, HeaderName::from_static(name), &text);
    };
    set("x-next-page", next);
    set("x-page", Some(page.number));
    set("x-per-page", Some(page.per_page));
    set("x-prev-page", previous);
    if let Some((total, pages)) = counted {
        set("x-total", Some(total));
        set("x-total-pages", Some(pages));
    }

    let links = [
        (previous, "prev"),
        (next, "next"),
        (Some(1), "first"),
        (counted.map(|(_, pages)| pages), "last"),
    ];
    let links = links.iter().filter_map(|(number, rel)| {
        let number = (*number)?.to_string();
        let per_page = page.per_page.to_string();
        let target = link_url(url, params, &[("page", &number), ("per_page", &per_page)]);
        Some(format!("<{target}>; rel=\"{rel}\""))
    });
    let links: Vec<String> = links.collect();
    insert_text(headers, header::LINK, &links.join(", "));
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Hash, Value};

    fn params(pairs: &[(&str, &str)]) -> Params {
        let hash: Hash = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        Params::new("/api/v4/projects/a%2Fb/pipelines", hash)
    }

    fn page(pairs: &[(&str, &str)]) -> Result<Page, String> {
        Page::from_params(&params(pairs)).map_err(|error| error.to_string())
    }

    #[test]
    fn pages_are_positive_numbers_and_hold_at_most_a_hundred() {
        let of = |number, per_page| Ok(Page { number, per_page });
        let error = |text: &str| Err(text.to_owned());
        for (pairs, expected) in [
            (&[][..], of(1, 20)),
            (&[("page", "3"), ("per_page", "7")][..], of(3, 7)),
            (&[("per_page", "101")][..], of(1, 100)),
            (&[("page", "")][..], of(1, 20)),
            (&[("page", "0")][..], error("page does not have a valid value")),
            (&[("page", "-1")][..], error("page does not have a valid value")),
            (&[("page", "x")][..], error("page is invalid")),
            (
                &[("page", "x"), ("per_page", "0")][..],
                error("page is invalid, per_page does not have a valid value"),
            ),
        ] {
            assert_eq!(page(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn far_offsets_are_refused() {
        assert_eq!(
            Page {
                number: 501,
                per_page: 100
            }
            .offset()
            .unwrap(),
            50_000
        );
        assert!(
            Page {
                number: 502,
                per_page: 100
            }
            .offset()
            .is_err()
        );
        assert!(
            Page {
                number: i64::MAX,
                per_page: 100
            }
            .offset()
            .is_err()
        );
    }

    fn headers(number: i64, extent: Extent) -> String {
        let url = "https://ci.example".parse().unwrap();
        let sent = params(&[("id", "a/b"), ("page", "9"), ("scope[]", "x y")]);
        let mut headers = HeaderMap::new();
        add_headers(&mut headers, &url, &sent, Page { number, per_page: 2 }, extent);
        let show = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap());
        let rels: Vec<&str> = show("link")
            .split("rel=")
            .skip(1)
            .map(|rest| rest.trim_matches([',', ' ', '"', '<']).split('"').next().unwrap())
            .collect();
        format!(
            "total {} pages {} next `{}` prev `{}` links {}",
            show("x-total"),
            show("x-total-pages"),
            show("x-next-page"),
            show("x-prev-page"),
            rels.join(" ")
        )
    }

    #[test]
    fn headers_tell_where_one_is() {
        for (number, extent, expected) in [
            (1, Extent::Total(0), "total 0 pages 1 next `` prev `` links first last"),
            (
                1,
                Extent::Total(5),
                "total 5 pages 3 next `2` prev `` links next first last",
            ),
            (
                3,
                Extent::Total(5),
                "total 5 pages 3 next `` prev `2` links prev first last",
            ),
            (4, Extent::Total(5), "total 5 pages 3 next `` prev `` links first last"),
            (
                2,
                Extent::More(true),
                "total - pages - next `3` prev `1` links prev next first",
            ),
            (
                2,
                Extent::Total(10_001),
                "total - pages - next `3` prev `1` links prev next first",
            ),
        ] {
            assert_eq!(headers(number, extent), expected);
        }
    }

    #[test]
    fn lists_in_memory_are_cut() {
        let listed = Page { number: 2, per_page: 2 }.cut(vec![1, 2, 3]);
        assert_eq!((listed.items, listed.extent), (vec![3], Extent::Total(3)));
        let listed = Page { number: 1, per_page: 2 }.uncounted(vec![1, 2, 3]);
        assert_eq!((listed.items, listed.extent), (vec![1, 2], Extent::More(true)));
    }
}

//! libyaml's events as owned values: the only module that may touch the C-like library.
//!
//! It knows nothing of types or trees. Every pointer that libyaml hands out is read here, before
//! the event is given back, and nothing of it leaves this file.
#![expect(
    unsafe_code,
    reason = "libyaml-rs is C turned into unsafe Rust; this is its one wrapper"
)]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::slice;

use libyaml_rs as sys;

/// A position as libyaml counts it: from 0, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Line.
    pub(super) line: u64,
    /// Column.
    pub(super) column: u64,
}

/// One event. It owns what libyaml allocated for it; texts are borrowed from it.
pub(super) struct Event {
    raw: MaybeUninit<sys::yaml_event_t>,
}

/// The kinds of events.
#[derive(Debug)]
pub(super) enum Kind<'e> {
    /// Start of the stream or of a document.
    Start,
    /// End of a document.
    DocumentEnd,
    /// End of the stream.
    StreamEnd,
    /// `*name`.
    Alias(&'e str),
    /// A scalar.
    Scalar(Scalar<'e>),
    /// `[` or the first `-`.
    SequenceStart(Properties<'e>),
    /// End of a sequence.
    SequenceEnd,
    /// `{` or the first key.
    MappingStart(Properties<'e>),
    /// End of a mapping.
    MappingEnd,
}

/// Anchor and tag of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Properties<'e> {
    /// `&name`.
    pub(super) anchor: Option<&'e str>,
    /// The resolved tag, unless it is `!`.
    pub(super) tag: Option<&'e str>,
}

/// A scalar as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalar<'e> {
    /// Anchor and tag.
    pub(super) properties: Properties<'e>,
    /// Its text after unquoting and folding.
    pub(super) text: &'e str,
    /// Whether libyaml says that it is text and nothing else.
    pub(super) quoted: bool,
}

/// Why libyaml stopped.
#[derive(Debug)]
pub(super) struct Problem {
    /// What is wrong.
    pub(super) problem: String,
    /// While it was doing what.
    pub(super) context: Option<String>,
    /// Where that began; Ruby shows this place.
    pub(super) context_mark: Mark,
    /// Where it noticed.
    pub(super) problem_mark: Mark,
    /// Byte of the text, for characters that may not occur at all.
    pub(super) offset: u64,
}

/// Reads events from a text.
pub(super) struct Events<'t> {
    // Boxed: libyaml keeps a pointer to its own struct.
    parser: Box<MaybeUninit<sys::yaml_parser_t>>,
    text: PhantomData<&'t str>,
}

impl<'t> Events<'t> {
    /// Starts on `text`.
    pub(super) fn new(text: &'t str) -> Events<'t> {
        let mut parser = Box::new(MaybeUninit::<sys::yaml_parser_t>::uninit());
        // SAFETY: `yaml_parser_initialize` writes the whole struct and cannot fail (allocation
        // failure aborts). The input outlives the parser by the lifetime `'t`.
        unsafe {
            _ = sys::yaml_parser_initialize(parser.as_mut_ptr());
            sys::yaml_parser_set_encoding(parser.as_mut_ptr(), sys::YAML_UTF8_ENCODING);
            sys::yaml_parser_set_input_string(parser.as_mut_ptr(), text.as_ptr(), text.len() as u64);
        }
        Events {
            parser,
            text: PhantomData,
        }
    }

    /// Returns the next event. After an error or the end of the stream there is nothing more to ask.
    pub(super) fn next(&mut self) -> Result<Event, Box<Problem>> {
        let mut event = Event {
            raw: MaybeUninit::uninit(),
        };
        // SAFETY: the parser was initialized in `new`. `yaml_parser_parse` zeroes the event first,
        // so it may be read and deleted whatever the outcome.
        let parsed = unsafe { sys::yaml_parser_parse(self.parser.as_mut_ptr(), event.raw.as_mut_ptr()) };
        if parsed.fail {
            Err(Box::new(self.problem()))
        } else {
            Ok(event)
        }
    }

    fn problem(&self) -> Problem {
        // SAFETY: the parser is initialized; its texts are static C strings or null.
        unsafe {
            let parser = &*self.parser.as_ptr();
            Problem {
                problem: c_text(parser.problem.cast()).unwrap_or_default().to_owned(),
                context: c_text(parser.context.cast()).map(str::to_owned),
                context_mark: mark(&parser.context_mark),
                problem_mark: mark(&parser.problem_mark),
                offset: parser.problem_offset,
            }
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        // SAFETY: initialized in `new`, deleted only here.
        unsafe { sys::yaml_parser_delete(self.parser.as_mut_ptr()) }
    }
}

impl Event {
    /// Where it starts.
    pub(super) fn start(&self) -> Mark {
        mark(&self.raw().start_mark)
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind<'_> {
        let event = self.raw();
        // SAFETY: each arm reads the member of the union that belongs to the type; the texts live
        // as long as the event.
        unsafe {
            match event.type_ {
                sys::YAML_ALIAS_EVENT => Kind::Alias(c_text(event.data.alias.anchor).unwrap_or_default()),
                sys::YAML_SCALAR_EVENT => {
                    let data = &event.data.scalar;
                    Kind::Scalar(Scalar {
                        properties: properties(data.anchor, data.tag),
                        text: sized_text(data.value, data.length),
                        quoted: data.quoted_implicit,
                    })
                }
                sys::YAML_SEQUENCE_START_EVENT => {
                    let data = &event.data.sequence_start;
                    Kind::SequenceStart(properties(data.anchor, data.tag))
                }
                sys::YAML_SEQUENCE_END_EVENT => Kind::SequenceEnd,
                sys::YAML_MAPPING_START_EVENT => {
                    let data = &event.data.mapping_start;
                    Kind::MappingStart(properties(data.anchor, data.tag))
                }
                sys::YAML_MAPPING_END_EVENT => Kind::MappingEnd,
                sys::YAML_DOCUMENT_END_EVENT => Kind::DocumentEnd,
                sys::YAML_STREAM_START_EVENT | sys::YAML_DOCUMENT_START_EVENT => Kind::Start,
                _ => Kind::StreamEnd,
            }
        }
    }

    fn raw(&self) -> &sys::yaml_event_t {
        // SAFETY: `yaml_parser_parse` has filled it before anybody gets the event.
        unsafe { self.raw.assume_init_ref() }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: filled by `yaml_parser_parse`, which zeroes it first, and deleted only here.
        unsafe { sys::yaml_event_delete(self.raw.as_mut_ptr()) }
    }
}

/// SAFETY: both must be null or C strings that live for `'e`.
unsafe fn properties<'e>(anchor: *const u8, tag: *const u8) -> Properties<'e> {
    // SAFETY: passed on from the caller.
    unsafe {
        Properties {
            anchor: c_text(anchor),
            tag: c_text(tag).filter(|tag| *tag != "!"),
        }
    }
}

/// SAFETY: `text` must be null or point to `length` bytes that live for `'e`.
unsafe fn sized_text<'e>(text: *const u8, length: u64) -> &'e str {
    if text.is_null() {
        return "";
    }
    let length = usize::try_from(length).unwrap_or_default();
    // SAFETY: not null, and by contract so long.
    let bytes = unsafe { slice::from_raw_parts(text, length) };
    // libyaml decodes its input and checks escapes, so this is always UTF-8.
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// SAFETY: `text` must be null or a C string that lives for `'e`.
unsafe fn c_text<'e>(text: *const u8) -> Option<&'e str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and by contract a C string.
    let text = unsafe { CStr::from_ptr(text.cast()) };
    Some(text.to_str().unwrap_or_default())
}

fn mark(mark: &sys::yaml_mark_t) -> Mark {
    Mark {
        line: mark.line,
        column: mark.column,
    }
}

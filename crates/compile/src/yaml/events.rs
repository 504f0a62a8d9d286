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
use std::ptr;
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

/// One event that matters for building a tree.
#[derive(Debug)]
pub(super) struct Event {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it starts.
    pub(super) start: Mark,
}

/// The kinds of events.
#[derive(Debug)]
pub(super) enum Kind {
    /// Start of the stream or of a document.
    Start,
    /// End of a document.
    DocumentEnd,
    /// End of the stream.
    StreamEnd,
    /// `*name`.
    Alias(String),
    /// A scalar.
    Scalar(Scalar),
    /// `[` or the first `-`.
    SequenceStart(Properties),
    /// End of a sequence.
    SequenceEnd,
    /// `{` or the first key.
    MappingStart(Properties),
    /// End of a mapping.
    MappingEnd,
}

/// Anchor and tag of a node.
#[derive(Debug, Default)]
pub(super) struct Properties {
    /// `&name`.
    pub(super) anchor: Option<String>,
    /// The resolved tag, unless it is `!`.
    pub(super) tag: Option<String>,
}

/// A scalar as written.
#[derive(Debug)]
pub(super) struct Scalar {
    /// Anchor and tag.
    pub(super) properties: Properties,
    /// Its text after unquoting and folding.
    pub(super) text: String,
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
        let mut event = MaybeUninit::<sys::yaml_event_t>::uninit();
        // SAFETY: the parser was initialized in `new`. `yaml_parser_parse` zeroes the event first,
        // so it may be read and deleted whatever the outcome.
        unsafe {
            if sys::yaml_parser_parse(self.parser.as_mut_ptr(), event.as_mut_ptr()).fail {
                return Err(Box::new(self.problem()));
            }
            let read = read_event(&*event.as_ptr());
            sys::yaml_event_delete(event.as_mut_ptr());
            Ok(read)
        }
    }

    fn problem(&self) -> Problem {
        // SAFETY: the parser is initialized; its texts are static C strings or null.
        unsafe {
            let parser = &*self.parser.as_ptr();
            Problem {
                problem: c_text(parser.problem.cast()).unwrap_or_default(),
                context: c_text(parser.context.cast()),
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

/// SAFETY: `event` must have been filled by `yaml_parser_parse`; the arms read the member of the
/// union that belongs to the type.
unsafe fn read_event(event: &sys::yaml_event_t) -> Event {
    let start = mark(&event.start_mark);
    // SAFETY: as above; libyaml's texts are valid UTF-8 because it decodes its input.
    let kind = unsafe {
        match event.type_ {
            sys::YAML_ALIAS_EVENT => Kind::Alias(c_text(event.data.alias.anchor.cast()).unwrap_or_default()),
            sys::YAML_SCALAR_EVENT => {
                let data = &event.data.scalar;
                let length = usize::try_from(data.length).unwrap_or_default();
                let bytes = if data.value.is_null() {
                    &[][..]
                } else {
                    slice::from_raw_parts(data.value, length)
                };
                Kind::Scalar(Scalar {
                    properties: properties(data.anchor, data.tag),
                    text: String::from_utf8_lossy(bytes).into_owned(),
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
    };
    Event { kind, start }
}

/// SAFETY: both must be null or C strings.
unsafe fn properties(anchor: *const u8, tag: *const u8) -> Properties {
    // SAFETY: passed on from the caller.
    unsafe {
        Properties {
            anchor: c_text(anchor),
            tag: c_text(tag).filter(|tag| tag != "!"),
        }
    }
}

/// SAFETY: `text` must be null or a C string.
unsafe fn c_text(text: *const u8) -> Option<String> {
    if ptr::eq(text, ptr::null()) {
        return None;
    }
    // SAFETY: not null, and by contract a C string.
    let text = unsafe { CStr::from_ptr(text.cast()) };
    Some(text.to_string_lossy().into_owned())
}

fn mark(mark: &sys::yaml_mark_t) -> Mark {
    Mark {
        line: mark.line,
        column: mark.column,
    }
}

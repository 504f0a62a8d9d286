//! What a file may cost: the memory asked for while it is read, planned and shown, counted and not timed.
//!
//! Whatever somebody pushes, the work must grow with the text and end at the stated limits. Bytes that were
//! asked for stand for work: the same on every machine, and nothing here works without asking for some.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use compile::facts::FetchedFile;
use compile::yaml::to_yaml;
use compile::{Answer, Demand, Facts, FileKey, Limits, LoadRequest, Loaded, Severity, Step, load};

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by contract; this one passes everything on"
)]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size()));
        // SAFETY: passed on from the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes that `work` asked for on this thread.
fn asked<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ASKED.get();
    let result = work();
    (result, ASKED.get() - before)
}

/// Reads a root file; every include is answered by `included`.
fn read(text: &str, included: impl Fn(&FileKey) -> Answer) -> Loaded {
    let limits = Limits::default();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: text.into(),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &[],
        project_path: "group/project",
        sha: "0123456789012345678901234567890123456789",
        server_fqdn: "ci.example.com",
        limits: &limits,
    };
    let mut facts = Facts::default();
    for _ in 0..400 {
        match load(&request, &facts) {
            Step::Done(loaded) => return loaded,
            Step::Needs(demands) => {
                for demand in demands {
                    let answer = match &demand {
                        Demand::File(key) => included(key),
                        Demand::Paths { .. } | Demand::Changes { .. } => Answer::Paths(vec!["a.yml".to_owned()].into()),
                    };
                    facts.insert(demand, answer);
                }
            }
        }
    }
    panic!("no end of demands");
}

fn file(text: &str) -> Answer {
    Answer::File(FetchedFile {
        text: text.into(),
        project: None,
        sha: None,
        component: None,
    })
}

/// Reads a file and shows all that the lint API shows; returns the first error and the bytes asked for.
fn cost(text: &str) -> (String, usize) {
    let (loaded, bytes) = asked(|| {
        let loaded = read(text, |_| Answer::Missing);
        _ = loaded.merged.as_ref().map(to_yaml);
        loaded
    });
    (first_error(&loaded), bytes)
}

fn first_error(loaded: &Loaded) -> String {
    let mut errors = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    errors.next().map(|error| error.message.clone()).unwrap_or_default()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        _ = writeln!(text, "{}", line(number));
        text
    })
}

const TOO_BIG: &str = "The parsed YAML is too big";

#[test]
fn alias_bombs_cost_no_more_than_the_limit_they_break() {
    let bomb = |level: &dyn Fn(usize) -> String| format!("a0: &a0 {{k0: x, k1: x}}\n{}", lines(30, |n| level(n + 1)));
    let bombs = [
        bomb(&|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]", n - 1)),
        bomb(&|n| format!("a{n}: &a{n} {{b: *a{0}, c: *a{0}, d: {{<<: *a{0}}}}}", n - 1)),
        format!(
            "a: &a {{k: [x]}}\n{}",
            lines(20_000, |n| format!("b{n}: [*a, *a, *a, *a, *a, *a, *a, *a]"))
        ),
        format!(
            "a: &a {{{}}}\n{}",
            lines(2_000, |n| format!("k{n}: x,")),
            lines(2_000, |n| format!("b{n}: {{<<: *a}}"))
        ),
    ];
    for text in bombs {
        let (error, bytes) = cost(&text);
        assert_eq!(error, TOO_BIG, "{}", &text[..60]);
        assert!(bytes < 64 << 20, "{bytes} bytes for {}", &text[..60]);
    }
}

#[test]
fn nesting_ends_at_the_limit_however_deep_it_goes() {
    let deep = |open: &str, close: &str, depth: usize| format!("a: {}x{}\n", open.repeat(depth), close.repeat(depth));
    for text in [
        deep("[", "]", 100),
        deep("{b: ", "}", 100),
        deep("[", "]", 100_000),
        deep("{b: ", "}", 100_000),
        deep("- ", "", 100_000).replacen("a: ", "", 1),
        lines(1_000, |n| format!("{}b:", " ".repeat(n))),
        format!("? {}", "? ".repeat(100_000)),
    ] {
        let (error, bytes) = cost(&text);
        assert_eq!(error, TOO_BIG, "{}", &text[..60]);
        assert!(bytes < 8 << 20, "{bytes} bytes for {}", &text[..60]);
    }
}

#[test]
fn the_work_grows_with_the_text() {
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 19] = [
        ("comments", |n| {
            lines(n, |_| "# comment".to_owned()) + "a: {script: x}\n"
        }),
        ("one text", |n| format!("a: {{script: {:?}}}\n", "x ".repeat(4 * n))),
        ("a block", |n| {
            format!("a:\n  script: |\n{}", lines(n, |_| "    echo x".to_owned()))
        }),
        ("jobs", |n| lines(n, |n| format!("a{n}: {{script: x}}"))),
        ("wrong jobs", |n| lines(n, |n| format!("a{n}: x"))),
        ("jobs without scripts", |n| lines(n, |n| format!("a{n}: {{stage: x}}"))),
        ("jobs with wrong keys", |n| {
            lines(n, |n| format!("a{n}: {{script: x, k: x}}"))
        }),
        ("wrong keys", |n| {
            format!("a:\n  script: x\n{}", lines(n, |n| format!("  k{n}: x")))
        }),
        ("keys written twice", |n| {
            format!("a:\n  script: x\n{}", lines(n, |_| "  k: x".to_owned()))
        }),
        ("stages", |n| {
            format!("stages:\n{}a: {{script: x}}\n", lines(n, |n| format!("- s{n}")))
        }),
        ("unknown stages", |n| {
            lines(n, |n| format!("a{n}: {{script: x, stage: s{n}}}"))
        }),
        ("variables", |n| {
            format!("variables:\n{}a: {{script: x}}\n", lines(n, |n| format!("  K{n}: x")))
        }),
        ("rules", |n| {
            format!(
                "a:\n  script: x\n  rules:\n{}",
                lines(n, |n| format!("  - if: $A == \"{n}\""))
            )
        }),
        ("an expression", |n| {
            format!("a:\n  script: x\n  rules:\n  - if: {}$A\n", "$A || ".repeat(n))
        }),
        ("brackets", |n| {
            format!(
                "a:\n  script: x\n  rules:\n  - if: {}$A{}\n",
                "(".repeat(n),
                ")".repeat(n)
            )
        }),
        ("extends", |n| {
            format!(".a: {{script: x}}\n{}", lines(n, |n| format!("a{n}: {{extends: .a}}")))
        }),
        ("unknown extends", |n| lines(n, |n| format!("a{n}: {{extends: .b{n}}}"))),
        ("needs", |n| {
            format!(
                "b: {{script: x}}\n{}",
                lines(n, |n| format!("a{n}: {{script: x, needs: [b]}}"))
            )
        }),
        ("unknown needs", |n| {
            lines(n, |n| format!("a{n}: {{script: x, needs: [b{n}]}}"))
        }),
    ];
    for (name, shape) in shapes {
        let (_, small) = cost(&shape(250));
        let (_, large) = cost(&shape(2_000));
        // Eight times the text, and some room for tables that double.
        assert!(large < 16 * small, "{name}: {small} bytes, then {large}");
    }
}

#[test]
fn files_of_two_megabytes_are_read_or_refused_within_their_means() {
    for (name, text) in [
        ("one text", format!("a: {{script: {:?}}}\n", "x".repeat(2_000_000))),
        ("comments", format!("# {}\na: {{script: x}}\n", "x".repeat(2_000_000))),
        ("wrong jobs", lines(50_000, |n| format!("a{n}: x"))),
        ("keys", lines(200_000, |n| format!("a{n}:"))),
        ("lists", format!("a: [{}]", "[],".repeat(600_000))),
        ("open quote", format!("a: \"{}", "x".repeat(2_000_000))),
        ("tags", format!("a: [{}]", "!reference [a], ".repeat(120_000))),
    ] {
        let (_, bytes) = cost(&text);
        assert!(bytes < 512 << 20, "{name}: {bytes} bytes");
    }
    let (error, bytes) = cost(&"x".repeat(2_097_153));
    assert_eq!(error, "The provided YAML is too big");
    assert!(bytes < 4 << 20, "{bytes} bytes");
}

#[test]
fn includes_in_a_circle_end_at_the_number_of_includes() {
    for text in [
        "include: a.yml\n",
        "include: [a.yml, a.yml]\n",
        "include: ['*.yml', a.yml]\n",
        "include: {remote: 'https://example.com/a.yml'}\n",
        "include: {project: group/other, file: [a.yml, b.yml]}\n",
    ] {
        let (loaded, bytes) = asked(|| read(text, |_| file(text)));
        assert_eq!(
            first_error(&loaded),
            "Maximum of 150 nested includes are allowed!",
            "{text}"
        );
        assert!(bytes < 16 << 20, "{bytes} bytes for {text}");
    }
}

/// Values of inputs may be large and named often; what they make together has a limit.
#[test]
fn inputs_cannot_be_used_to_fill_the_memory() {
    let list = format!("[{}]", "x, ".repeat(10_000));
    let text = "x".repeat(100_000);
    for (default, content) in [
        (
            format!("{{default: {text}}}"),
            lines(2_000, |n| format!("a{n}: \"b$[[ inputs.v ]]\"")),
        ),
        (
            format!("{{default: {text}}}"),
            lines(2_000, |n| format!("b$[[ inputs.v ]]{n}: x")),
        ),
        (
            format!("{{type: array, default: {list}}}"),
            format!("a: [{}]", "\"$[[ inputs.v ]]\", ".repeat(2_000)),
        ),
        (
            format!("{{type: array, default: {list}}}"),
            lines(2_000, |n| format!("a{n}: \"$[[ inputs.v ]]\"")),
        ),
        (
            format!("{{type: array, default: {list}}}"),
            lines(2_000, |n| format!("a{n}: \"b$[[ inputs.v ]]\"")),
        ),
    ] {
        let (error, bytes) = cost(&format!("spec:\n  inputs:\n    v: {default}\n---\n{content}"));
        assert_eq!(error, "config too large");
        assert!(bytes < 256 << 20, "{bytes} bytes for {}", &content[..60]);
    }
}

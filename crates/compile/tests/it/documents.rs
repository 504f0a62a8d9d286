//! Header and content of a file: the split happens in the raw text.

use compile::yaml::{Limits, load};

/// Header and content in Ruby's notation, or the message.
fn split(text: &str) -> (String, String) {
    match load(text, 0, &Limits::default()) {
        Ok(documents) => (
            documents.header.map(|header| header.inspect()).unwrap_or_default(),
            documents.content.inspect(),
        ),
        Err(error) => ("error".to_owned(), error.to_string()),
    }
}

#[test]
fn the_first_of_two_documents_with_spec_is_the_header() {
    for (text, header, content) in [
        ("a: 1\n", "", "{:a=>1}"),
        ("---\na: 1\n", "", "{:a=>1}"),
        ("spec: {}\n---\na: 1\n", "{:spec=>{}}", "{:a=>1}"),
        ("---\nspec: {}\n---\na: 1\n", "{:spec=>{}}", "{:a=>1}"),
        // Without `spec` the first document is the content, with it the last.
        ("a: 1\n---\nb: 2\n", "", "{:a=>1}"),
        ("spec: {}\n---\nb: 2\n---\nc: 3\n", "{:spec=>{}}", "{:c=>3}"),
        // Behind a leading divider, YAML reads only the first document of the rest.
        ("---\nspec: {}\n---\nb: 2\n---\nc: 3\n", "{:spec=>{}}", "{:b=>2}"),
        // A header alone is no header.
        ("spec: {}\n", "", "{:spec=>{}}"),
        ("spec: {}\n---\n", "", "{:spec=>{}}"),
        ("spec: {}\n---\n# only a comment\n", "", "{:spec=>{}}"),
        // The white space behind the dashes goes, also the indent of the next line.
        ("spec: {}\n---\n\n  a: 1\n", "{:spec=>{}}", "{:a=>1}"),
        // Only of the first line: what stands below must not be deeper.
        (
            "spec: {}\n---\n  a: 1\n  b: 2\n",
            "error",
            "(<unknown>): mapping values are not allowed in this context at line 2 column 4",
        ),
        ("spec: {}\n--- \t\na: 1\n", "{:spec=>{}}", "{:a=>1}"),
        (
            "a: |\n  x\n ---\n  y\n",
            "error",
            "(<unknown>): did not find expected key while parsing a block mapping at line 1 column 1",
        ),
        ("a: 1\n---x: 2\n", "", "{:a=>1, :\"---x\"=>2}"),
        ("", "", "{}"),
        ("# nothing\n", "", "{}"),
        ("[]", "", "{}"),
        ("[a]", "error", "Invalid configuration format"),
        ("text", "error", "Invalid configuration format"),
        ("a: 1\n---\ntext\n", "error", "Invalid configuration format"),
        (
            "a: 1\n--- {\n",
            "error",
            "(<unknown>): did not find expected node content while parsing a flow node at line 2 column 1",
        ),
    ] {
        assert_eq!(split(text), (header.to_owned(), content.to_owned()), "{text:?}");
    }
}

#[test]
fn positions_are_those_of_the_file() {
    let documents = load("spec: {}\n---\n\n  a: 1\nb: {c: 2}\n", 7, &Limits::default()).expect("it is valid");
    let place = |key| {
        documents
            .content
            .get(key)
            .map(|node| (node.span.file, node.span.line, node.span.column))
    };
    assert_eq!((place("a"), place("b")), (Some((7, 4, 6)), Some((7, 5, 4))));
}

#[test]
fn the_limit_of_bytes_is_for_each_document() {
    let limits = Limits {
        bytes: 30,
        ..Limits::default()
    };
    let text = "spec: {inputs: {}}\n---\naaaaaaaa: bbbbbbbbbb\n";
    assert!(load(text, 0, &limits).is_ok());
    assert!(load(&text.replace("---", "#"), 0, &limits).is_err());
}

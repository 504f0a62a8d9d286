//! Cases of the parameter parser: what clients send and what Rack makes of it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::any;
use axum::{Json, Router};
use proptest::prelude::{ProptestConfig, proptest};
use tower::ServiceExt as _;

use super::*;

fn json_of(hash: &Hash) -> String {
    serde_json::to_string(&Value::Hash(hash.clone())).unwrap()
}

/// The form as JSON, or the error.
fn form(text: &str) -> String {
    match form::parse(text.as_bytes()) {
        Ok(hash) => json_of(&hash),
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_with_brackets_follow_rack() {
    for (text, expected) in [
        ("", "{}"),
        ("a=1&b=2", r#"{"a":"1","b":"2"}"#),
        ("a=1&&b=2&", r#"{"a":"1","b":"2"}"#),
        ("a", r#"{"a":null}"#),
        ("a=", r#"{"a":""}"#),
        ("=1&b=2", r#"{"b":"2"}"#),
        ("a=1&a=2", r#"{"a":"2"}"#),
        ("a=x+y%2Bz%21&b=%C3%A9", r#"{"a":"x y+z!","b":"é"}"#),
        ("a%5Bb%5D=1", r#"{"a":{"b":"1"}}"#),
        (
            "variables[KEY]=v&variables[B]=w",
            r#"{"variables":{"KEY":"v","B":"w"}}"#,
        ),
        ("a[]=1&a[]=2", r#"{"a":["1","2"]}"#),
        ("a[][]=1", r#"{"a":[["1"]]}"#),
        ("a[0]=x&a[1]=y", r#"{"a":{"0":"x","1":"y"}}"#),
        (
            "v[][key]=A&v[][value]=1&v[][key]=B&v[][value]=2",
            r#"{"v":[{"key":"A","value":"1"},{"key":"B","value":"2"}]}"#,
        ),
        (
            "v[][a][b]=1&v[][a][c]=2&v[][a][b]=3",
            r#"{"v":[{"a":{"b":"1","c":"2"}},{"a":{"b":"3"}}]}"#,
        ),
        ("v[][a][]=1&v[][a][]=2", r#"{"v":[{"a":["1","2"]}]}"#),
        ("a[b][c][d]=1", r#"{"a":{"b":{"c":{"d":"1"}}}}"#),
        ("a[b]=1&a=2", r#"{"a":"2"}"#),
        ("[a]=1", r#"{"[a]":"1"}"#),
        ("a[=1", r#"{"a[":"1"}"#),
        ("a[b=1", r#"{"a":{"[b":"1"}}"#),
        ("a=1&a[b]=2", "expected Hash (got String) for param `a'"),
        ("a=1&a[]=2", "expected Array (got String) for param `a'"),
        ("a[]=1&a[b]=2", "expected Hash (got Array) for param `a'"),
        ("a[b]=1&a[]=2", "expected Array (got Hash) for param `a'"),
        ("a=%zz", "400 Bad request - invalid percent encoding or UTF-8"),
        ("a=%", "400 Bad request - invalid percent encoding or UTF-8"),
        ("a=%ff", "400 Bad request - invalid percent encoding or UTF-8"),
        ("%ff=1", "400 Bad request - invalid percent encoding or UTF-8"),
        ("a=%00", "400 Bad request - a parameter contains a null byte"),
    ] {
        assert_eq!(form(text), expected, "{text}");
    }
}

#[test]
fn brackets_and_pairs_are_limited() {
    assert!(form(&format!("a{}=1", "[b]".repeat(31))).starts_with('{'));
    assert!(form(&format!("a{}=1", "[b]".repeat(33))).contains("too many levels"));
    assert!(form(&format!("a{}=1", "[]".repeat(40))).contains("too many levels"));
    assert!(form(&"&".repeat(MAX_VALUES)).contains("more than"));
}

fn json(text: &str) -> String {
    match json::parse(text.as_bytes()) {
        Ok(hash) => json_of(&hash),
        Err(error) => error.to_string(),
    }
}

#[test]
fn json_bodies_keep_types_and_order() {
    let mixed = r#"{"z":1,"a":[true,null,"x",2.5,-3],"h":{"k":"v"}}"#;
    assert_eq!(json(mixed), mixed);
    for (text, expected) in [
        ("", "{}"),
        (" \n", "{}"),
        ("[1]", "{}"),
        ("3", "{}"),
        ("null", "{}"),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn broken_json_is_told_so() {
    let deep = "[".repeat(200_000);
    for text in [
        "{",
        "{} x",
        r#"{"a":}"#,
        "{'a':1}",
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        r#"{"a":1e999}"#,
        &deep,
    ] {
        assert!(
            json(text).starts_with("Problem:\n  message body does not match declared format"),
            "{text:.20}"
        );
    }
    assert!(json::parse(b"{\"a\":\"\xff\"}").is_err());
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    assert!(json(&many).contains("more than"));
}

fn multipart(body: &str) -> String {
    match multipart::parse("multipart/form-data; boundary=B", body.as_bytes()) {
        Ok(hash) => json_of(&hash),
        Err(error) => error.to_string(),
    }
}

#[test]
fn multipart_fields_are_parameters() {
    let field = |disposition: &str, text: &str| {
        format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{text}\r\n")
    };
    for (parts, expected) in [
        (field("name=\"ref\"", "main"), r#"{"ref":"main"}"#),
        (field("name=ref", ""), r#"{"ref":""}"#),
        (
            field("name=\"variables[A B]\"", "x\r\ny"),
            r#"{"variables":{"A B":"x\r\ny"}}"#,
        ),
        (
            field("name=\"a[]\"", "1") + &field("name=\"a[]\"", "2"),
            r#"{"a":["1","2"]}"#,
        ),
        (field("name=\"a\\\"b\"", "1"), r#"{"a\"b":"1"}"#),
        (field("name=\"f\"; filename=\"x.txt\"", "data"), r#"{"f":"x.txt"}"#),
        (field("filename=\"\"; name=\"f\"", ""), "{}"),
        ("preamble\r\n".to_owned() + &field("name=\"a\"", "1"), r#"{"a":"1"}"#),
        ("--B\r\nX: y\r\n\r\nno disposition\r\n".to_owned(), "{}"),
    ] {
        assert_eq!(multipart(&(parts.clone() + "--B--\r\n")), expected, "{parts}");
    }
    assert_eq!(multipart("--B--\r\n"), "{}");
}

#[test]
fn broken_multipart_is_refused() {
    for body in [
        "",
        "x",
        "--B",
        "--B\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut",
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut\r\n--B",
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n--B--",
    ] {
        assert!(
            multipart(body).starts_with("invalid multipart body"),
            "{body:?}: {}",
            multipart(body)
        );
    }
    assert!(multipart::parse("multipart/form-data", b"--B--").is_err());
    let not_text = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--B--";
    assert!(multipart::parse("multipart/form-data; boundary=B", not_text).is_err());
}

fn read<T: std::fmt::Debug>(form_text: &str, read: impl Fn(&mut Reader<'_>) -> T) -> String {
    let params = Params::new("/", form::parse(form_text.as_bytes()).unwrap());
    let mut reader = params.reader();
    let value = read(&mut reader);
    match reader.finish() {
        Ok(()) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_are_read_by_type() {
    let text = |r: &mut Reader<'_>| r.text("a");
    let int = |r: &mut Reader<'_>| r.int("a");
    let boolean = |r: &mut Reader<'_>| r.boolean("a");
    let date = |r: &mut Reader<'_>| r.date("a").map(|d| d.to_string());
    let time = |r: &mut Reader<'_>| r.time("a").map(model::Timestamp::microseconds);
    for (input, got, expected) in [
        ("a=x", read("a=x", text), "Some(\"x\")"),
        ("", read("", text), "None"),
        ("a[]=x", read("a[]=x", text), "a is invalid"),
        ("a=12", read("a=12", int), "Some(12)"),
        ("a=", read("a=", int), "None"),
        ("a=1x", read("a=1x", int), "a is invalid"),
        ("a=1.5", read("a=1.5", int), "a is invalid"),
        ("a=9…", read("a=99999999999999999999", int), "Some(9223372036854775807)"),
        ("a=on", read("a=on", boolean), "Some(true)"),
        ("a=T", read("a=T", boolean), "Some(true)"),
        ("a=0", read("a=0", boolean), "Some(false)"),
        ("a=maybe", read("a=maybe", boolean), "a is invalid"),
        ("a=2030-02-01", read("a=2030-02-01", date), "Some(\"2030-02-01\")"),
        ("a=2030-02-31", read("a=2030-02-31", date), "a is invalid"),
        ("time", read("a=1970-01-01T00:00:01Z", time), "Some(1000000)"),
        ("time", read("a=1970-01-01T02:00:01%2B02:00", time), "Some(1000000)"),
        ("time", read("a=1970-01-01T00:00:01", time), "Some(1000000)"),
        ("time", read("a=1970-01-02", time), "Some(86400000000)"),
        ("time", read("a=1970-01-01T02:00:01+02:00", time), "a is invalid"),
        ("time", read("a=abc", time), "a is invalid"),
        ("time", read("a=01/01/2050", time), "a is invalid"),
        ("time", read("a=25/26/27", time), "a is invalid"),
        ("time", read("a=2308", time), "a is invalid"),
    ] {
        assert_eq!(got, expected, "{input}");
    }
}

#[test]
fn a_file_is_no_text() {
    let body = "--B\r\nContent-Disposition: form-data; name=\"ref\"; filename=\"ref\"\r\n\r\nmain\r\n--B--\r\n";
    let hash = multipart::parse("multipart/form-data; boundary=B", body.as_bytes()).unwrap();
    let mut reader = Reader::new(&hash);
    assert_eq!(reader.required_text("ref"), "");
    assert_eq!(reader.finish().unwrap_err().to_string(), "ref is invalid");
}

#[test]
fn all_problems_are_told_at_once() {
    let all = |r: &mut Reader<'_>| {
        r.filled_text("ref");
        r.required_text("token");
        r.int("n");
        r.one_of("sort", &["asc", "desc"]);
        r.hash("variables");
    };
    assert_eq!(read("", all), "ref is missing, ref is empty, token is missing");
    assert_eq!(read("ref=+&token=", all), "ref is empty");
    assert_eq!(read("ref&token=x", all), "ref is empty");
    assert_eq!(
        read("ref=x&n=y&sort=up&variables=z", all),
        "token is missing, n is invalid, sort does not have a valid value, variables is invalid"
    );
    assert_eq!(read("ref=x&token=x&variables[A]=1", all), "()");
}

#[test]
fn groups_of_parameters_are_checked() {
    let one = |r: &mut Reader<'_>| r.at_least_one_of(&["name", "path"]);
    assert_eq!(
        read("", one),
        "name, path are missing, at least one parameter must be provided"
    );
    assert_eq!(read("path=x", one), "()");
    let exclusive = |r: &mut Reader<'_>| r.mutually_exclusive(&["sha", "content_ref"]);
    assert_eq!(
        read("sha=1&content_ref=2", exclusive),
        "sha, content_ref are mutually exclusive"
    );
}

#[test]
fn arrays_come_in_several_shapes() {
    let texts = |r: &mut Reader<'_>| r.texts_or_commas("a");
    for input in ["a[]=x&a[]=y", "a=x,y", "a[]=x,y"] {
        assert_eq!(read(input, texts), r#"Some(["x", "y"])"#, "{input}");
    }
    let ints = |r: &mut Reader<'_>| r.ints_or_commas("a");
    assert_eq!(read("a=1,2", ints), "Some([1, 2])");
    assert_eq!(read("a=1,x", ints), "a is invalid");
    let keys = |r: &mut Reader<'_>| {
        let hashes = r.hashes("v").unwrap_or_default();
        hashes
            .iter()
            .map(|hash| r.inside(hash, |r| r.required_text("key")))
            .collect::<Vec<_>>()
    };
    for input in ["v[][key]=A&v[][key]=B", "v[0][key]=A&v[1][key]=B"] {
        assert_eq!(read(input, keys), r#"["A", "B"]"#, "{input}");
    }
    assert_eq!(read("v[][value]=A", keys), "v[0][key] is missing");
    assert_eq!(read("v[A]=1", keys), "v is invalid");
    assert_eq!(read("v=1", keys), "v is invalid");
}

/// What the extractor makes of a request to `/p/{id}/{ref}`: status and body.
async fn call(method: Method, uri: &str, content_type: &str, body: impl Into<Body>) -> (StatusCode, String) {
    let echo = |params: Params| async move { Json(Value::Hash(params.values().clone())) };
    let router: Router = Router::new().route("/p/{id}/{ref}", any(echo));
    let mut request = Request::builder().method(method).uri(uri);
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let response = router
        .oneshot(request.body(body.into()).unwrap())
        .await
        .unwrap()
        .into_response();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn the_path_wins_over_the_body_and_the_body_over_the_query() {
    let form_type = "application/x-www-form-urlencoded";
    let (_, body) = call(Method::POST, "/p/1/main?a=q&b=q&ref=q", form_type, "b=f&ref=f").await;
    assert_eq!(body, r#"{"a":"q","b":"f","ref":"main","id":"1"}"#);
    let (_, body) = call(
        Method::POST,
        "/p/1/main?v[A]=1",
        "application/json; charset=utf-8",
        r#"{"v":{"B":2}}"#,
    )
    .await;
    assert_eq!(body, r#"{"v":{"B":2},"id":"1","ref":"main"}"#);
}

#[tokio::test]
async fn slashes_and_dots_may_be_encoded_inside_a_segment() {
    let (_, body) = call(Method::GET, "/p/group%2Fsub%2fpro%2Eject/feature%2Fa.b", "", "").await;
    assert_eq!(body, r#"{"id":"group/sub/pro.ject","ref":"feature/a.b"}"#);
    assert_eq!(call(Method::GET, "/p/a/b/c", "", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_answered_with_its_status() {
    let post = Method::POST;
    for (uri, content_type, body, status) in [
        ("/p/1/%zz", "", "", 400),
        ("/p/1/%ff", "", "", 400),
        ("/p/1/a%00", "", "", 400),
        ("/p/1/x?a=%", "", "", 400),
        ("/p/1/x", "application/json", "{", 400),
        ("/p/1/x", "application/xml", "<a/>", 415),
        ("/p/1/x", "text/plain", "a", 415),
        ("/p/1/x", "multipart/form-data", "a", 400),
        ("/p/1/x", "", r#"{"a":1}"#, 200),
        ("/p/1/x", "", "a=1", 200),
        ("/p/1/x", "application/xml", "", 200),
    ] {
        let (got, text) = call(post.clone(), uri, content_type, body).await;
        assert_eq!(got.as_u16(), status, "{uri} {content_type} {body}: {text}");
    }
}

#[tokio::test]
async fn bodies_are_limited() {
    let (status, body) = call(Method::POST, "/p/1/x", "application/json", vec![b' '; BODY_LIMIT + 1]).await;
    assert_eq!(
        (status.as_u16(), body.as_str()),
        (413, r#"{"message":"413 Request Entity Too Large"}"#)
    );
    let chunks = (0..9).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(
        call(Method::POST, "/p/1/x", "application/json", body).await.0.as_u16(),
        413
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = form::parse(&bytes);
        let _ = json::parse(&bytes);
        let _ = multipart::parse("multipart/form-data; boundary=B", &bytes);
    }

    #[test]
    fn arbitrary_brackets_never_panic(text in "([ab=&%\\[\\]0é]|\\[\\]|%5B){0,40}") {
        if let Ok(hash) = form::parse(text.as_bytes()) {
            let mut reader = Reader::new(&hash);
            for name in ["a", "b"] {
                let _ = (reader.text(name), reader.int(name), reader.texts(name), reader.time(name), reader.hashes(name));
            }
        }
    }

    #[test]
    fn arbitrary_multipart_never_panics(
        text in "(--B|\r\n|--|Content-Disposition: form-data; |name=|filename=|\"|\\\\|;|a|é){0,30}"
    ) {
        let _ = multipart::parse("multipart/form-data; boundary=B", text.as_bytes());
    }
}

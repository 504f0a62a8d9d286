//! Malformed input of every kind gets a 4xx, leaves nothing behind, and the server serves on.

use testkit::{Form, Project, Request, TestServer, base64};

use crate::story;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn quiet_project(server: &TestServer, files: &[(&str, &str)]) -> Project {
    let project = server.api().empty_project(files);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    project
}

#[track_caller]
fn check(what: &str, call: Request, expected: &[u16]) {
    let answer = match call.try_send() {
        Ok(answer) => answer,
        Err(error) => panic!("{what}: no answer: {error}"),
    };
    assert!(
        expected.contains(&answer.status),
        "{what}: expected {expected:?}, got {}: {}",
        answer.status,
        answer.text()
    );
}

/// The server answers, and the only pipeline of the project is the one that the push option skipped.
#[track_caller]
fn check_nothing_happened(server: &TestServer, project: &Project) {
    assert_eq!(server.http().get("/-/readiness").send().status, 200);
    assert_eq!(project.get("/pipelines?source=trigger"), serde_json::json!([]));
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

story!(bodies_and_encodings, runners: 0);

fn bodies_and_encodings(server: &mut TestServer) {
    let project = quiet_project(server, &[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let token = project.trigger_token();
    let good = format!("token={token}&ref=main");
    let deep_json = format!(
        "{{\"token\":\"{token}\",\"ref\":\"main\",\"variables\":{}1{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let deep_form = format!("{good}&variables{}=1", "[a]".repeat(5_000));
    let rows: &[(&str, &str, Vec<u8>, &[u16])] = &[
        ("JSON that breaks off", JSON, b"{\"token\": ".to_vec(), &[400]),
        (
            "JSON with a trailing comma",
            JSON,
            format!("{{\"token\":\"{token}\",\"ref\":\"main\",}}").into(),
            &[400],
        ),
        ("JSON that is a list", JSON, b"[1]".to_vec(), &[400]),
        ("JSON that is a text", JSON, b"\"x\"".to_vec(), &[400]),
        ("JSON that is null", JSON, b"null".to_vec(), &[400]),
        (
            "JSON that is not UTF-8",
            JSON,
            b"{\"token\":\"\xff\xfe\"}".to_vec(),
            &[400],
        ),
        (
            "JSON with a lone surrogate",
            JSON,
            format!("{{\"token\":\"{token}\",\"ref\":\"\\ud800\"}}").into(),
            &[400],
        ),
        ("JSON nested twenty thousand deep", JSON, deep_json.into(), &[400]),
        (
            "a token that is a number",
            JSON,
            b"{\"token\":1,\"ref\":\"main\"}".to_vec(),
            &[400, 404],
        ),
        (
            "a token that is an object",
            JSON,
            b"{\"token\":{\"a\":1},\"ref\":\"main\"}".to_vec(),
            &[400],
        ),
        (
            "a ref that is a list",
            JSON,
            format!("{{\"token\":\"{token}\",\"ref\":[\"main\"]}}").into(),
            &[400],
        ),
        (
            "a ref that is null",
            JSON,
            format!("{{\"token\":\"{token}\",\"ref\":null}}").into(),
            &[400],
        ),
        (
            "a form that is not UTF-8",
            FORM,
            format!("{good}&variables[A]=%ff%fe").into(),
            &[400],
        ),
        (
            "a form with a broken escape",
            FORM,
            format!("{good}&variables[A]=%zz").into(),
            &[400],
        ),
        (
            "a form where a text is also a hash",
            FORM,
            format!("{good}&variables=1&variables[A]=1").into(),
            &[400],
        ),
        ("a form nested five thousand deep", FORM, deep_form.into(), &[400]),
        (
            "a form with a list as variable",
            FORM,
            format!("{good}&variables[A][]=1").into(),
            &[400],
        ),
        (
            "a NUL in the ref",
            FORM,
            format!("token={token}&ref=ma%00in").into(),
            &[400],
        ),
        (
            "a NUL in the token",
            FORM,
            b"token=a%00b&ref=main".to_vec(),
            &[400, 404],
        ),
        (
            "a ref of a hundred thousand letters",
            FORM,
            format!("token={token}&ref={}", "a".repeat(100_000)).into(),
            &[400],
        ),
        (
            "a line break in the ref",
            FORM,
            format!("token={token}&ref=main%0aHost:%20x").into(),
            &[400],
        ),
        (
            "a variable name with a blank",
            FORM,
            format!("{good}&variables[A%20B]=1").into(),
            &[400, 422],
        ),
        (
            "a variable name of 256 letters",
            FORM,
            format!("{good}&variables[{}]=1", "A".repeat(256)).into(),
            &[400, 422],
        ),
        (
            "21 inputs",
            FORM,
            (0..21)
                .fold(good.clone(), |form, i| format!("{form}&inputs[i{i}]=1"))
                .into(),
            &[400],
        ),
        (
            "multipart without a boundary",
            "multipart/form-data",
            good.clone().into(),
            &[400],
        ),
        (
            "multipart that breaks off",
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc".to_vec(),
            &[400],
        ),
        (
            "multipart without names",
            "multipart/form-data; boundary=x",
            b"--x\r\n\r\nabc\r\n--x--\r\n".to_vec(),
            &[400],
        ),
        (
            "multipart with nothing in it",
            "multipart/form-data; boundary=x",
            b"--x--\r\n".to_vec(),
            &[400],
        ),
        ("XML", "application/xml", b"<a/>".to_vec(), &[415]),
        ("a content type that is none", "\u{1}/;;", b"x".to_vec(), &[400, 415]),
    ];
    for (what, content_type, body, expected) in rows {
        check(what, project.trigger().body(content_type, body.clone()), expected);
    }
    let kept = project.get("/pipelines?source=trigger&yaml_errors=false");
    assert_eq!(
        kept,
        serde_json::json!([]),
        "a refused call left a pipeline that is no record of a bad variable"
    );
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let _ = project.triggered(&token, Form::default());
}

story!(addresses_ids_and_numbers, runners: 0);

fn addresses_ids_and_numbers(server: &mut TestServer) {
    let project = quiet_project(server, &[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let token = project.trigger_token();
    let query = Form::of([("token", &token), ("ref", "main")]).urlencoded();
    for id in [
        "0",
        "-1",
        "99999999999999999999",
        "1e3",
        "%00",
        "%ff",
        "..",
        "%2e%2e%2f",
        "root",
        "root%2F",
        "%2F",
        "no%2Fsuch",
        "1%20",
        "%3Cscript%3E",
    ] {
        let path = format!("/api/v4/projects/{id}/trigger/pipeline?{query}");
        check(&path, server.http().post(&path), &[400, 404]);
    }
    for name in [
        "%00",
        "%ff",
        "..%2F..%2Fetc%2Fpasswd",
        "-x",
        "%20",
        "main%5E",
        "main~1",
        "@%7B-1%7D",
        "refs%2Fheads%2F",
    ] {
        let path = format!(
            "/api/v4/projects/{}/ref/{name}/trigger/pipeline?token={token}",
            project.id
        );
        check(&path, server.http().post(&path), &[400, 404]);
    }
    for path in [
        "/pipelines/abc",
        "/pipelines/99999999999999999999",
        "/pipelines/0",
        "/jobs/1.5",
        "/jobs/abc/trace",
        "/triggers/x",
        "/triggers/-1",
    ] {
        check(path, project.request("GET", path), &[400, 404]);
    }
    for query in [
        "page=0",
        "page=-1",
        "page=x",
        "per_page=0",
        "per_page=x",
        "order_by=password",
        "sort=up",
        "status=green",
        "source=magic",
        "scope=all",
        "yaml_errors=perhaps",
        "updated_after=yesterday",
        "created_before=%ff",
    ] {
        check(query, project.request("GET", &format!("/pipelines?{query}")), &[400]);
    }
    check(
        "an enormous page",
        project.request("GET", "/pipelines?page=9223372036854775807"),
        &[200, 400, 405],
    );
    check_nothing_happened(server, &project);
}

story!(what_is_hardly_http_at_all, runners: 0);

fn what_is_hardly_http_at_all(server: &mut TestServer) {
    let project = quiet_project(server, &[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let path = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    let long = "a".repeat(300_000);
    let rows = [
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        (
            "a method of control characters",
            "\u{1}\u{2} / HTTP/1.1\r\n\r\n".to_owned(),
        ),
        (
            "an endless header",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"),
        ),
        ("an endless address", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (
            "two lengths",
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ),
        (
            "a negative length",
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        ),
        (
            "a chunk that is no number",
            format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"
            ),
        ),
    ];
    for (what, bytes) in rows {
        let answer = server.http().send_raw(bytes.as_bytes());
        let answer = String::from_utf8_lossy(&answer);
        // Closing without a word is an answer too, where there is nobody to talk to.
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{what}: {answer}"
        );
    }
    let huge =
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nContent-Length: 100000000000\r\n\r\n{{");
    let answer = server.http().send_raw(huge.as_bytes());
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "a body of 100 GB: {answer}");
    check_nothing_happened(server, &project);
}

story!(what_runners_and_git_send, runners: 0);

fn what_runners_and_git_send(server: &mut TestServer) {
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let job = server.api().runner().take();
    let (http, id) = (server.http(), job.id());
    let as_job = |method: &str, path: &str| {
        http.request(method, &format!("/api/v4/jobs/{id}{path}"))
            .header("JOB-TOKEN", job.token())
    };
    let text = "text/plain";
    let rows = [
        (
            "a request for a job that is no JSON",
            http.post("/api/v4/jobs/request").body(JSON, "{"),
            [400, 403],
        ),
        (
            "one that is a list",
            http.post("/api/v4/jobs/request").body(JSON, "[]"),
            [400, 403],
        ),
        (
            "one without a token",
            http.post("/api/v4/jobs/request").body(JSON, "{}"),
            [400, 403],
        ),
        (
            "one with a wrong token",
            http.post("/api/v4/jobs/request").body(JSON, "{\"token\":\"glrt-x\"}"),
            [400, 403],
        ),
        (
            "a wrong runner verified",
            http.post("/api/v4/runners/verify").body(JSON, "{\"token\":\"glrt-x\"}"),
            [400, 403],
        ),
        (
            "a log without a range",
            as_job("PATCH", "/trace").body(text, "x"),
            [400, 400],
        ),
        (
            "a log with half a range",
            as_job("PATCH", "/trace").header("Content-Range", "5").body(text, "x"),
            [400, 416],
        ),
        (
            "a log with letters for a range",
            as_job("PATCH", "/trace").header("Content-Range", "a-b").body(text, "x"),
            [400, 416],
        ),
        (
            "a log with a hole",
            as_job("PATCH", "/trace")
                .header("Content-Range", "50-60")
                .body(text, "x"),
            [416, 416],
        ),
        (
            "a log from the end of numbers",
            as_job("PATCH", "/trace")
                .header("Content-Range", "18446744073709551615-1")
                .body(text, "x"),
            [400, 416],
        ),
        (
            "a log with a wrong token",
            http.request("PATCH", &format!("/api/v4/jobs/{id}/trace"))
                .header("JOB-TOKEN", "glcbt-1_1_00")
                .header("Content-Range", "0-0")
                .body(text, "x"),
            [403, 403],
        ),
        (
            "a state that is none",
            as_job("PUT", "").body(JSON, "{\"state\":\"sleeping\"}"),
            [400, 403],
        ),
        (
            "a report that is no JSON",
            as_job("PUT", "").body(JSON, "{\"state\":"),
            [400, 400],
        ),
        (
            "artifacts that are none",
            as_job("POST", "/artifacts").body(FORM, "a=b"),
            [400, 400],
        ),
        (
            "artifacts that break off",
            as_job("POST", "/artifacts").body(
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\r\nPK",
            ),
            [400, 400],
        ),
        (
            "a service that git does not have",
            http.get(&format!("/{}.git/info/refs?service=git-upload-archive", project.path)),
            [403, 404],
        ),
        (
            "the dumb protocol",
            http.get(&format!("/{}.git/HEAD", project.path)),
            [403, 404],
        ),
        (
            "a repository above all others",
            http.get("/..%2f..%2fetc/passwd.git/info/refs?service=git-upload-pack"),
            [401, 404],
        ),
        (
            "a repository with a NUL",
            http.get("/root/a%00b.git/info/refs?service=git-upload-pack"),
            [400, 404],
        ),
    ];
    for (what, call, expected) in rows {
        check(what, call, &[expected[0], expected[1], 401]);
    }
    let login = format!("Basic {}", base64(&format!("root:{}", server.root_token())));
    for (service, body) in [
        ("git-upload-pack", "zzzz"),
        ("git-receive-pack", "0000"),
        ("git-receive-pack", "ffffgarbage"),
    ] {
        let path = format!("/{}.git/{service}", project.path);
        let call = http.post(&path).header("Authorization", &login);
        let answer = call.body(&format!("application/x-{service}-request"), body).send();
        assert!(
            answer.status < 500,
            "{service} {body}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let endless = format!(
        "POST /api/v4/jobs/{id}/artifacts HTTP/1.1\r\nHost: a\r\nJOB-TOKEN: {}\r\nContent-Type: multipart/form-data; \
         boundary=x\r\nContent-Length: 100000000000\r\n\r\n--x\r\nContent-Disposition: form-data; \
         name=\"expire_in\"\r\n\r\n{}",
        job.token(),
        "9".repeat(4096)
    );
    let answer = http.send_raw(endless.as_bytes());
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "a field without end: {answer}");
    job.succeed();
    assert_eq!(project.finished(&project.get("/pipelines")[0])["status"], "success");
    assert_eq!(server.http().get("/-/readiness").send().status, 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

story!(configurations, runners: 0);

fn configurations(server: &mut TestServer) {
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(b'b'..=b'l').fold(String::new(), |text, letter| {
            let (name, of) = (char::from(letter), char::from(letter - 1));
            format!("{text}{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(", "))
        })
        + "job: {script: x}\n";
    let deep = format!("job: {}1{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let long = format!("job: {{script: \"{}\"}}\n", "x".repeat(3_000_000));
    let rows: Vec<(&str, &[u8])> = vec![
        ("not UTF-8", b"job: {script: \"\xff\xfe\"}\n"),
        ("control characters", b"job: {script: \"\x01\"}\n\x02"),
        ("nothing", b""),
        ("only a comment", b"# nothing\n"),
        ("a list", b"- a\n- b\n"),
        ("a text", b"hello\n"),
        ("an open bracket", b"job: {script: [x\n"),
        ("a tab", b"job:\n\tscript: x\n"),
        ("an unknown anchor", b"job: *gone\n"),
        ("an anchor within itself", b"job: &a [*a]\n"),
        ("a date", b"job: {script: 2024-01-01}\n"),
        ("an unknown keyword", b"job: {script: x, skript: y}\n"),
        ("an alias bomb", bomb.as_bytes()),
        ("five thousand levels", deep.as_bytes()),
        ("three megabytes", long.as_bytes()),
        (
            "an expression that is none",
            b"job: {script: x, rules: [{if: '$A == '}]}\n",
        ),
        ("a need that does not exist", b"job: {script: x, needs: [gone]}\n"),
        (
            "a circle of needs",
            b"a: {script: x, needs: [b]}\nb: {script: x, needs: [a]}\n",
        ),
        (
            "an input that was not given",
            b"spec: {inputs: {a: }}\n---\njob: {script: x}\n",
        ),
    ];
    let project = quiet_project(server, &[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let token = project.trigger_token();
    for (what, text) in rows {
        std::fs::write(project.repository.path().join(".gitlab-ci.yml"), text).unwrap();
        project.repository.commit(what, &[]);
        project
            .repository
            .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
        let form = Form::of([("token", &token), ("ref", "main")]);
        let answer = project.trigger().form(&form).send();
        assert!(
            matches!(answer.status, 400 | 422),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        let said = answer.json()["message"]["base"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!said.is_empty(), "{what}: {}", answer.text());
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    project
        .repository
        .commit("mended", &[(".gitlab-ci.yml", "job: {script: x}\n")]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let _ = project.triggered(&token, Form::default());
}

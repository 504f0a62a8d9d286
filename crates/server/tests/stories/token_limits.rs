//! What a trigger token may be used for: each limit, allowed and refused, with the exact answer.

use serde_json::{Value, json};
use testkit::{Form, Project, Response, TestServer};

use crate::story;

pub(crate) const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"spec:
  inputs:
    flavor: {default: plain}
    size: {default: small}
---
show:
  script:
    - echo "target=$TARGET who=$WHO flavor=$[[ inputs.flavor ]] size=$[[ inputs.size ]]"
"#,
)];

/// Makes a token with these limits and returns it as it was answered.
#[track_caller]
pub(crate) fn token(project: &Project, limits: Value) -> Value {
    let mut new = json!({ "description": "limited" });
    for (name, value) in limits.as_object().expect("limits are an object") {
        new[name] = value.clone();
    }
    project
        .request("POST", "/triggers")
        .json(&new)
        .send()
        .expect(201)
        .json()
}

pub(crate) fn text(token: &Value) -> &str {
    token["token"].as_str().expect("the creator sees the token")
}

pub(crate) fn call(project: &Project, token: &str, git_ref: &str, pairs: &[(&str, &str)]) -> Response {
    let mut form = Form::of([("token", token), ("ref", git_ref)]);
    for (name, value) in pairs {
        form = form.with(name, value);
    }
    project.trigger().form(&form).send()
}

#[track_caller]
pub(crate) fn refused(answer: &Response, status: u16, body: &Value) {
    assert_eq!((answer.status, answer.json()), (status, body.clone()));
}

pub(crate) fn pipelines(project: &Project) -> usize {
    project.get("/pipelines?source=trigger").as_array().unwrap().len()
}

story!(a_token_is_for_the_branches_and_tags_that_it_names, runners: 0);

fn a_token_is_for_the_branches_and_tags_that_it_names(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    for refspec in ["main:refs/heads/release/1", "main:refs/tags/v1", "main:refs/heads/v2"] {
        project
            .repository
            .git(&["push", "--quiet", "--push-option=ci.skip", "origin", refspec]);
    }
    let made = token(&project, json!({ "allowed_refs": ["release/*", "refs/tags/v*"] }));
    assert_eq!(made["allowed_refs"], json!(["release/*", "refs/tags/v*"]));
    for (name, tag) in [("release/1", false), ("refs/heads/release/1", false), ("v1", true)] {
        let pipeline = call(&project, text(&made), name, &[]).expect(201).json();
        assert_eq!(pipeline["tag"], tag, "{name}");
    }
    // One that does not exist looks the same as one that is not for the token.
    for name in ["main", "refs/heads/main", "v2", "gone", "HEAD", "refs/heads/v1"] {
        let shown = name.trim_start_matches("refs/heads/");
        let answer = call(&project, text(&made), name, &[]);
        refused(&answer, 400, &ref_refused(shown));
    }
    let gone = call(&project, text(&made), "release/gone", &[]);
    refused(&gone, 400, &json!({ "message": { "base": ["Reference not found"] } }));
    assert_eq!(pipelines(&project), 3);
}

fn ref_refused(name: &str) -> Value {
    json!({
        "message": { "base": [format!(
            "You do not have sufficient permission to run a pipeline on '{name}'. Please select a different branch \
             or contact your administrator for assistance."
        )] },
        "reason_code": "ref_not_allowed",
        "remedy": format!("Use a branch or tag that the token is for, or have `{name}` added to its `allowed_refs`."),
    })
}

story!(a_token_allows_variables_and_inputs_by_name, runners: 0);

fn a_token_allows_variables_and_inputs_by_name(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(
        &project,
        json!({ "allowed_variables": ["TARGET", "DEPLOY_*"], "allowed_inputs": ["flavor"] }),
    );
    let token_text = text(&made);
    for pairs in [
        vec![],
        vec![("variables[TARGET]", "x"), ("variables[DEPLOY_TO]", "y")],
        vec![("inputs[flavor]", "spicy")],
    ] {
        assert_eq!(
            call(&project, token_text, "main", &pairs).expect(201).json()["source"],
            "trigger"
        );
    }
    let variables = |key: &str| {
        json!({
            "message": { "base": ["Insufficient permissions to set pipeline variables"] },
            "reason_code": "variable_not_allowed",
            "remedy": format!("Leave out the variable `{key}`, or have it added to the token's `allowed_variables`."),
        })
    };
    for key in ["WHO", "target", "TARGET2", "CI_DEBUG_TRACE"] {
        let pairs = [("variables[TARGET]", "x"), (&*format!("variables[{key}]"), "1")];
        refused(&call(&project, token_text, "main", &pairs), 400, &variables(key));
    }
    // Blanks around a name are taken off before anybody looks at it.
    let blank = call(&project, token_text, "main", &[("variables[ WHO ]", "1")]);
    refused(&blank, 400, &variables("WHO"));
    let input = call(&project, token_text, "main", &[("inputs[size]", "large")]);
    refused(
        &input,
        400,
        &json!({
            "message": { "base": ["Insufficient permissions to set pipeline inputs"] },
            "reason_code": "input_not_allowed",
            "remedy": "Leave out the input `size`, or have it added to the token's `allowed_inputs`.",
        }),
    );
    assert_eq!(pipelines(&project), 3);

    let none = token(&project, json!({ "allowed_variables": [], "allowed_inputs": [] }));
    assert_eq!(
        (&none["allowed_variables"], &none["allowed_inputs"]),
        (&json!([]), &json!([]))
    );
    call(&project, text(&none), "main", &[("variables[TARGET]", "x")]).expect(400);
    call(&project, text(&none), "main", &[("inputs[flavor]", "x")]).expect(400);
    call(&project, text(&none), "main", &[("anything", "x")]).expect(201);
}

story!(every_call_gets_the_fixed_values_and_none_can_change_them, runners: 1);

fn every_call_gets_the_fixed_values_and_none_can_change_them(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(
        &project,
        json!({ "fixed_variables": { "TARGET": "staging" }, "fixed_inputs": { "size": "large" } }),
    );
    let pairs = [("variables[WHO]", "me"), ("inputs[flavor]", "spicy")];
    let pipeline = call(&project, text(&made), "main", &pairs).expect(201).json();
    let pipeline = project.finished(&pipeline);
    let log = project.log(&pipeline, "show");
    assert!(log.contains("target=staging who=me flavor=spicy size=large"), "{log}");
    refused(
        &call(&project, text(&made), "main", &[("variables[TARGET]", "staging")]),
        400,
        &json!({
            "message": { "base": ["Insufficient permissions to set pipeline variables"] },
            "reason_code": "variable_fixed",
            "remedy": "Leave out the variable `TARGET`: the token brings a value of its own.",
        }),
    );
    refused(
        &call(&project, text(&made), "main", &[("inputs[size]", "small")]),
        400,
        &json!({
            "message": { "base": ["Insufficient permissions to set pipeline inputs"] },
            "reason_code": "input_fixed",
            "remedy": "Leave out the input `size`: the token brings a value of its own.",
        }),
    );
    // A dry run is the very same call.
    let dry = call(
        &project,
        text(&made),
        "main",
        &[("dry_run", "true"), ("variables[TARGET]", "x")],
    );
    assert_eq!(
        (dry.status, &dry.json()["reason_code"]),
        (400, &json!("variable_fixed"))
    );
    assert_eq!(pipelines(&project), 1);
}

story!(a_token_is_used_from_its_networks_only, runners: 0);

fn a_token_is_used_from_its_networks_only(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(
        &project,
        json!({ "allowed_networks": ["192.0.2.9/24", "2001:db8::/32"] }),
    );
    assert_eq!(made["allowed_networks"], json!(["192.0.2.0/24", "2001:db8::/32"]));
    let form = Form::of([("token", text(&made)), ("ref", "main")]);
    // Test servers trust a proxy on this machine.
    let from = |address: &str| {
        let call = project.trigger().header("X-Forwarded-For", address);
        call.form(&form).send()
    };
    for address in ["192.0.2.77", "10.0.0.1, 192.0.2.1", "2001:db8:1::5", "::ffff:192.0.2.4"] {
        from(address).expect(201);
    }
    let body = |address: &str| {
        json!({
            "message": format!("403 Forbidden - This token may not be used from the address {address}"),
            "reason_code": "network_not_allowed",
            "remedy": "Call from one of the token's networks, or have this one added to its `allowed_networks`. \
                       Behind a proxy, the server's `trusted_proxies` must name it.",
        })
    };
    for (address, seen) in [
        ("198.51.100.1", "198.51.100.1"),
        ("192.0.2.1, 198.51.100.1", "198.51.100.1"),
        ("2001:db9::1", "2001:db9::1"),
        ("nonsense", "127.0.0.1"),
    ] {
        refused(&from(address), 403, &body(seen));
    }
    refused(&project.trigger().form(&form).send(), 403, &body("127.0.0.1"));
    // The same holds for looking at what the token started.
    let id = project.get("/pipelines")[0]["id"].clone();
    let look = |address: &str| {
        let path = format!(
            "/api/v4/projects/{}/trigger/pipelines/{id}?token={}",
            project.id,
            text(&made)
        );
        server
            .http()
            .get(&path)
            .header("X-Forwarded-For", address)
            .send()
            .status
    };
    assert_eq!((look("192.0.2.1"), look("198.51.100.1")), (200, 403));
    // Whoever has no valid token learns nothing of all this.
    let unknown = Form::of([("token", "glptt-aaaaaaaaaaaaaaaaaaaa"), ("ref", "main")]);
    refused(
        &project.trigger().form(&unknown).send(),
        404,
        &json!({ "message": "404 Not Found" }),
    );
}

story!(calls_at_once_are_never_more_than_the_rate_allows, runners: 0);

fn calls_at_once_are_never_more_than_the_rate_allows(server: &mut TestServer) {
    const CALLS: usize = 24;
    const LIMIT: usize = 5;
    let project = server.api().project(PROJECT);
    let made = token(&project, json!({ "max_uses_per_minute": LIMIT }));
    let form = Form::of([("token", text(&made)), ("ref", "main")]);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLS)
            .map(|_| scope.spawn(|| project.trigger().form(&form).send()))
            .collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no call panics"))
            .collect()
    });
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((good.len(), bad.len()), (LIMIT, CALLS - LIMIT));
    let header = |answer: &Response, name: &str| answer.header(name).map(str::to_owned);
    let mut left: Vec<_> = good
        .iter()
        .filter_map(|answer| header(answer, "RateLimit-Remaining"))
        .collect();
    left.sort();
    assert_eq!(left, ["0", "1", "2", "3", "4"]);
    for answer in bad {
        assert_eq!(answer.status, 429);
        let wait: u64 = header(answer, "Retry-After").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(
            answer.json(),
            json!({
                "message": { "error": "This endpoint has been requested too many times. Try again later." },
                "reason_code": "rate_limited",
                "remedy": format!("The token may be used 5 times a minute; try again in {wait} s, as `Retry-After` says."),
            })
        );
        assert_eq!(header(answer, "RateLimit-Limit").as_deref(), Some("5"));
        assert_eq!(header(answer, "RateLimit-Remaining").as_deref(), Some("0"));
        let reset: u64 = header(answer, "RateLimit-Reset").unwrap().parse().unwrap();
        assert!(reset > 1_700_000_000, "{reset}");
    }
    assert_eq!(pipelines(&project), LIMIT);
    // Another token of the project is not concerned, and one without a limit has no such headers.
    let other = call(&project, &project.trigger_token(), "main", &[]).expect(201);
    assert_eq!(header(&other, "RateLimit-Limit"), None);
}

#[test]
fn two_servers_on_one_database_share_the_rate() {
    const LIMIT: usize = 5;
    let server = crate::server(testkit::Database::Postgres, 0);
    let other = server.another();
    let project = server.api().project(PROJECT);
    let made = token(&project, json!({ "max_uses_per_minute": LIMIT }));
    let form = Form::of([("token", text(&made)), ("ref", "main")]);
    let path = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    let accepted = std::thread::scope(|scope| {
        let clients = [server.http(), other.http()];
        let calls: Vec<_> = (0..20)
            .map(|number| {
                let (client, form, path) = (clients[number % 2].clone(), &form, &path);
                scope.spawn(move || client.post(path).form(form).send().status)
            })
            .collect();
        let statuses = calls.into_iter().map(|call| call.join().expect("no call panics"));
        statuses.filter(|status| *status == 201).count()
    });
    assert_eq!(accepted, LIMIT);
}

story!(limits_are_changed_and_taken_away, runners: 0);

fn limits_are_changed_and_taken_away(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(
        &project,
        json!({ "allowed_refs": ["other"], "max_uses_per_minute": 100, "fixed_variables": { "TARGET": "x" } }),
    );
    let path = format!("/triggers/{}", made["id"]);
    let change = |body: &Value| project.request("PUT", &path).json(body).send();
    call(&project, text(&made), "main", &[]).expect(400);
    let changed = change(&json!({ "allowed_refs": ["main"] })).expect(200).json();
    assert_eq!(changed["description"], "limited", "what is not sent stays");
    assert_eq!(
        (&changed["max_uses_per_minute"], &changed["fixed_variables"]),
        (&json!(100), &json!({ "TARGET": "x" }))
    );
    call(&project, text(&made), "main", &[]).expect(201);
    let all = json!({ "allowed_refs": null, "max_uses_per_minute": null, "fixed_variables": null });
    let changed = change(&all).expect(200).json();
    assert_eq!(
        (&changed["allowed_refs"], &changed["fixed_variables"]),
        (&Value::Null, &json!({}))
    );
    let free = call(&project, text(&made), "main", &[("variables[TARGET]", "y")]).expect(201);
    assert_eq!(free.header("RateLimit-Limit"), None);

    let many: Vec<String> = (0..10_000).map(|number| format!("V{number}")).collect();
    for (limits, problem) in [
        (
            json!({ "allowed_variables": many }),
            r#"{"allowed_variables":["has too many entries (maximum is 100)"]}"#,
        ),
        (
            json!({ "allowed_refs": ["*a".repeat(50)] }),
            r#"{"allowed_refs":["has an entry with more than 10 `*`"]}"#,
        ),
        (
            json!({ "allowed_refs": [] }),
            r#"{"allowed_refs":["must have an entry; null takes the limit away"]}"#,
        ),
        (
            json!({ "allowed_networks": [] }),
            r#"{"allowed_networks":["must have an entry; null takes the limit away"]}"#,
        ),
        (
            json!({ "allowed_networks": ["10.0.0.0/33"] }),
            r#"{"allowed_networks":["`10.0.0.0/33` is no network; expected `ADDRESS` or `ADDRESS/BITS`, as `10.0.0.0/8` or `2001:db8::/32`"]}"#,
        ),
        (
            json!({ "max_uses_per_minute": 0 }),
            r#"{"max_uses_per_minute":["must be between 1 and 1000000"]}"#,
        ),
        (
            json!({ "fixed_variables": { "A-B": "x" } }),
            r#"{"fixed_variables":["has a name that is not 1 to 255 letters, digits and '_'"]}"#,
        ),
    ] {
        let problem = json!({ "message": format!("400 Bad request - {problem}") });
        refused(&change(&limits), 400, &problem);
        let mut new = limits.clone();
        new["description"] = json!("bad");
        refused(&project.request("POST", "/triggers").json(&new).send(), 400, &problem);
    }
    refused(
        &change(&json!({ "fixed_inputs": 3 })),
        400,
        &json!({ "error": "fixed_inputs is invalid" }),
    );
    refused(
        &change(&json!({ "allowed_refs": { "a": 1 } })),
        400,
        &json!({ "error": "allowed_refs is invalid" }),
    );
    assert_eq!(project.get("/triggers").as_array().unwrap().len(), 1);
    // A hostile call ends soon, too.
    change(&json!({ "allowed_variables": ["*_a*_b*_c", "NONE"] })).expect(200);
    let names: serde_json::Map<String, Value> = many.iter().map(|name| (name.clone(), json!("x"))).collect();
    let hostile = json!({ "token": made["token"], "ref": "main", "variables": names });
    let answer = project.trigger().json(&hostile).send();
    assert_eq!(
        (answer.status, &answer.json()["reason_code"]),
        (400, &json!("variable_not_allowed"))
    );
}

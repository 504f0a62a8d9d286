//! Every kind of secret is used once, with everything logged that can be; then all places are searched for them.

use serde_json::{Value, json};
use testkit::{Form, Site, TestServer, eventually};

use crate::story;

/// A secret and what it is.
struct Secret {
    what: &'static str,
    text: String,
    /// Where it stands all the same, and why.
    shown: &'static [(Place, &'static str)],
}

/// Where is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Log,
    Dump,
    Trace,
    Hook,
    OwnersApi,
    DevelopersApi,
    DevelopersPages,
    MaintainersPages,
    Processes,
}

use Place::{MaintainersPages, OwnersApi, Trace};

const VALUES: &[(Place, &str)] = &[(OwnersApi, "maintainers and owners read the values of variables")];
const PRINTED: &[(Place, &str)] = &[
    (OwnersApi, "maintainers and owners read the values of variables"),
    (Trace, "it is not masked, and the job prints it"),
];
const OWN_TOKEN: &[(Place, &str)] = &[
    (
        OwnersApi,
        "who made a trigger token copies it from the list, as in GitLab",
    ),
    (MaintainersPages, "the same on the page, for who made it"),
];
const ADDRESS: &[(Place, &str)] = &[
    (
        OwnersApi,
        "maintainers give it to the sender; it takes a secret as well",
    ),
    (MaintainersPages, "the same on the page"),
];
const NOWHERE: &[(Place, &str)] = &[];

/// Prints what it has, and what it can see of the processes above it (those beside it are other tests').
const CONFIG: &str = r#"
job:
  script:
    - echo "printed $OPEN_VALUE $MASKED_VALUE $GROUP_VALUE $GIVEN_VALUE $SCHEDULED_VALUE"
    - echo "token $CI_JOB_TOKEN $CI_REPOSITORY_URL"
    - cat "$TRIGGER_PAYLOAD" || true
    - echo "processes begin"
    - at=$$; while [ "$at" -gt 1 ]; do tr '\0' ' ' < /proc/$at/cmdline; echo; at=$(cut -d' ' -f4 < /proc/$at/stat); done
    - cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep TRIPLINE_ROOT || true
    - echo "processes end"
  artifacts: {paths: [.gitlab-ci.yml]}
"#;

story!(a_full_run_leaves_no_secret_where_it_does_not_belong, runners: 1);

fn a_full_run_leaves_no_secret_where_it_does_not_belong(server: &mut TestServer) {
    server.restart_logging("trace");
    let site = Site::start(|_| Site::ok("marker-answer-of-the-receiver"));
    let mut secrets = vec![
        secret("the administrator's token", server.root_token(), NOWHERE),
        secret("the administrator's password", server.root_password(), NOWHERE),
    ];
    let project = server.api().empty_project(&[(".gitlab-ci.yml", CONFIG)]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let mut keep = |what, text: &str, shown| secrets.push(secret(what, text, shown));
    for (key, value, more, shown) in [
        ("OPEN_VALUE", "marker-open-value", json!({}), PRINTED),
        ("MASKED_VALUE", "marker-masked-value", json!({"masked": true}), VALUES),
        (
            "HIDDEN_VALUE",
            "marker-hidden-value",
            json!({"masked_and_hidden": true}),
            NOWHERE,
        ),
        (
            "FILE_VALUE",
            "marker-file-value",
            json!({"variable_type": "file"}),
            VALUES,
        ),
    ] {
        let mut new = json!({"key": key, "value": value});
        for (name, given) in more.as_object().unwrap() {
            new[name] = given.clone();
        }
        project.request("POST", "/variables").json(&new).send().expect(201);
        keep("a variable of the project", value, shown);
    }
    // Who looks on: a maintainer and a developer.
    let people: Vec<(String, String)> = [("maintains", 40), ("develops", 30)]
        .into_iter()
        .map(|(name, level)| {
            let api = server.api();
            let new = json!({"username": name, "name": name, "email": format!("{name}@example.com"), "password": format!("marker-password-of-{name}")});
            let user = api.post("/users", &new).expect(201).json();
            let member = json!({"user_id": user["id"], "access_level": level});
            project.request("POST", "/members").json(&member).send().expect(201);
            let made = api.post(&format!("/users/{}/personal_access_tokens", user["id"]), &json!({"name": "t", "scopes": ["api"]}));
            (name.to_owned(), text(&made.expect(201).json(), "token"))
        })
        .collect();
    for (name, token) in &people {
        keep("a personal access token", token, NOWHERE);
        keep("a password", &format!("marker-password-of-{name}"), NOWHERE);
    }
    let hook = json!({"url": site.url("/in/{part}"), "pipeline_events": true, "job_events": true, "token": "marker-hook-token",
        "signing_token": "whsec_bWFya2VyLXNpZ25pbmcta2V5LW9mLXRoaXJ0eS10d28=",
        "custom_headers": [{"key": "X-Key", "value": "marker-hook-header"}], "url_variables": [{"key": "part", "value": "marker-hook-part"}]});
    let hook = project.request("POST", "/hooks").json(&hook).send();
    let hook = if hook.status == 201 {
        hook.json()
    } else {
        panic!("{}", hook.text())
    };
    let to_receiver: &[(Place, &str)] = &[(Place::Hook, "it is for the receiver")];
    for (what, text) in [
        ("a hook's token", "marker-hook-token"),
        ("a hook's header", "marker-hook-header"),
        ("a part of a hook's address", "marker-hook-part"),
    ] {
        keep(what, text, to_receiver);
    }
    keep(
        "a hook's signing token",
        "whsec_bWFya2VyLXNpZ25pbmcta2V5LW9mLXRoaXJ0eS10d28=",
        NOWHERE,
    );
    let inbound = json!({"name": "in", "provider": "generic", "secret": "marker-inbound-secret"});
    let inbound = project
        .request("POST", "/inbound_hooks")
        .json(&inbound)
        .send()
        .expect(201)
        .json();
    keep("an inbound hook's secret", "marker-inbound-secret", NOWHERE);
    let trigger = project.trigger_token();
    keep("a trigger token", &trigger, OWN_TOKEN);
    let once = project
        .request("POST", "/triggers")
        .json(&json!({"description": "once", "show_once": true}));
    let once = text(&once.send().expect(201).json(), "token");
    keep("a trigger token that is shown once", &once, NOWHERE);
    let runner = server.api().post(
        "/user/runners",
        &json!({"runner_type": "instance_type", "paused": true}),
    );
    let runner = text(&runner.expect(201).json(), "token");
    keep("a runner's token", &runner, NOWHERE);
    server
        .http()
        .post("/api/v4/runners/verify")
        .json(&json!({"token": runner}))
        .send()
        .expect(200);

    // Each is used, wrongly too, and wherever it can stand.
    keep("a pipeline's variable", "marker-given-value", PRINTED);
    let form = Form::of([("variables[GIVEN_VALUE]", "marker-given-value")]);
    let pipeline = project.triggered(&trigger, form);
    for line in [
        format!(
            "/api/v4/projects/{}/trigger/pipeline?token={once}x&ref=main",
            project.id
        ),
        format!(
            "/api/v4/projects/{}/trigger/pipeline?token={once}&ref=no-such-ref",
            project.id
        ),
        format!(
            "/api/v4/projects/{}/ref/main/trigger/pipeline?token={once}&variables[A]=marker-given-value&inputs[x]=y",
            project.id
        ),
    ] {
        let _ = server.http().post(&line).send();
    }
    let _ = server
        .http()
        .get(&format!("/api/v4/user?private_token={}", people[0].1))
        .send();
    let _ = server
        .http()
        .get(&format!(
            "/api/v4/nothing?access_token={}&secret=marker-given-value",
            people[0].1
        ))
        .send();
    let inbound_path = text(&inbound, "url").strip_prefix(&server.url()).unwrap().to_owned();
    let key = inbound_path
        .split('/')
        .find(|part| part.len() > 20)
        .unwrap_or_default()
        .to_owned();
    keep("the address of an inbound hook", &key, ADDRESS);
    let _ = server
        .http()
        .post(&format!("{inbound_path}?token=marker-inbound-secret"))
        .json(&json!({"a": 1}))
        .send();
    let _ = server
        .http()
        .post(&inbound_path)
        .header("authorization", "Bearer marker-inbound-wrong")
        .json(&json!({}))
        .send();
    keep("a wrong secret", "marker-inbound-wrong", NOWHERE);
    let session = sign_in(server, "develops");
    keep("a session", &session, NOWHERE);
    let maintainers_session = sign_in(server, "maintains");
    keep("a session", &maintainers_session, NOWHERE);

    let ended = project.finished(&pipeline);
    assert_eq!(ended["status"], "success", "{}", project.log(&pipeline, "job"));
    eventually("the hook to be told of the end", || {
        site.asked()
            .iter()
            .any(|request| request.contains("\"status\":\"success\""))
            .then_some(())
    });

    let trace = project.log(&pipeline, "job");
    let (_, processes) = trace.split_once("processes begin\n").expect("the job looked");
    assert!(
        !processes.contains("[MASKED]"),
        "a secret is an argument of a process: {processes}"
    );
    assert!(trace.contains("printed marker-open-value [MASKED]"), "{trace}");
    let mut places = vec![
        (Place::Log, server.log()),
        (Place::Trace, trace.clone()),
        (Place::Processes, processes.to_owned()),
        (Place::Hook, site.asked().join("\n")),
    ];
    let pipeline_path = format!("/pipelines/{}", pipeline["id"]);
    let job = project.jobs(&pipeline)[0]["id"].to_string();
    let paths = [
        "",
        "/variables",
        "/triggers",
        "/trigger_log",
        "/trigger_log/export",
        "/trigger_log/export?format=csv",
        "/hooks",
        "/inbound_hooks",
        "/runners",
        "/members",
        "/jobs",
        "/pipelines",
        "/environments",
        "/pipeline_schedules",
    ];
    let mut paths: Vec<String> = paths.map(str::to_owned).to_vec();
    paths.extend(["", "/variables", "/jobs", "/explanation"].map(|rest| format!("{pipeline_path}{rest}")));
    paths.extend([
        format!("/jobs/{job}"),
        format!("/hooks/{}", hook["id"]),
        format!("/hooks/{}/events", hook["id"]),
    ]);
    paths.push(format!("/inbound_hooks/{}/deliveries", inbound["id"]));
    for (place, api) in [
        (OwnersApi, project.api.clone()),
        (Place::DevelopersApi, project.api.as_token(server, &people[1].1)),
    ] {
        let answers: Vec<String> = paths
            .iter()
            .map(|path| {
                api.request("GET", &format!("/projects/{}{path}", project.id))
                    .send()
                    .text()
            })
            .collect();
        places.push((place, answers.join("\n")));
    }
    for (place, session) in [
        (Place::DevelopersPages, &session),
        (MaintainersPages, &maintainers_session),
    ] {
        let browser = server
            .http()
            .with_header("cookie", &format!("tripline_session={session}"));
        let pages = [
            String::new(),
            "/-/pipelines".to_owned(),
            format!("/-/pipelines/{}", pipeline["id"]),
            format!("/-/pipelines/{}/why", pipeline["id"]),
            "/-/jobs".to_owned(),
            format!("/-/jobs/{job}?with=variables"),
            "/-/settings/ci_cd".to_owned(),
            "/-/settings/ci_cd/variables".to_owned(),
            "/-/settings/ci_cd/runners".to_owned(),
            "/-/hooks".to_owned(),
            format!("/-/hooks/{}/edit", hook["id"]),
            "/-/inbound_hooks".to_owned(),
            format!("/-/inbound_hooks/{}/edit", inbound["id"]),
            "/-/project_members".to_owned(),
            "/-/edit".to_owned(),
            "/-/pipeline_schedules".to_owned(),
        ];
        let shown: Vec<String> = pages
            .iter()
            .map(|page| browser.get(&format!("/{}{page}", project.path)).send().text())
            .collect();
        // The job prints what is not masked; its page shows that.
        places.push((
            place,
            shown
                .join("\n")
                .replace("marker-open-value", "")
                .replace("marker-given-value", ""),
        ));
    }
    if let Some(dump) = server.dump() {
        assert!(dump.contains("OPEN_VALUE"), "the search finds what is there");
        places.push((Place::Dump, dump));
    }
    assert!(server.terminate(), "{}", server.log());
    let mut wrong = Vec::new();
    for secret in &secrets {
        let may = |place: Place| secret.shown.iter().any(|(shown, _)| *shown == place);
        for (place, text) in &places {
            let hexadecimal: String = secret.text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let is_there = text.contains(&secret.text) || *place == Place::Dump && text.contains(&hexadecimal);
            if is_there && !may(*place) {
                let line = text
                    .lines()
                    .find(|line| line.contains(&secret.text))
                    .unwrap_or_default();
                wrong.push(format!("{} ({}) in {place:?}: {line:.400}", secret.what, secret.text));
            }
        }
        let is_printed = may(Trace);
        for file in testkit::files_with(&server.data_dir(), &secret.text) {
            // What a job prints is in its log.
            let is_its_log = is_printed && std::fs::read_to_string(&file).is_ok_and(|log| log.contains("printed "));
            if !is_its_log {
                wrong.push(format!("{} ({}) in {}", secret.what, secret.text, file.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} secrets were found:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        places
            .iter()
            .any(|(place, text)| *place == Place::Log && text.contains("TRACE")),
        "everything is logged"
    );
}

fn secret(what: &'static str, text: &str, shown: &'static [(Place, &'static str)]) -> Secret {
    assert!(text.len() >= 8, "{what} would be found everywhere: {text}");
    Secret {
        what,
        text: text.to_owned(),
        shown,
    }
}

#[track_caller]
fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

/// Signs in as a browser does; returns what the cookie holds.
fn sign_in(server: &TestServer, name: &str) -> String {
    let page = server.http().get("/users/sign_in").send().expect(200);
    let cookie = page
        .header("set-cookie")
        .expect("a stranger's cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let html = page.text();
    let (_, rest) = html.split_once("name=\"authenticity_token\" value=\"").expect("a form");
    let token = rest.split('"').next().unwrap();
    let password = format!("marker-password-of-{name}");
    let form = Form::of([
        ("login", name),
        ("password", password.as_str()),
        ("authenticity_token", token),
    ]);
    let answer = server
        .http()
        .post("/users/sign_in")
        .header("cookie", &cookie)
        .form(&form)
        .send()
        .expect(303);
    let cookie = answer.header("set-cookie").expect("a session");
    cookie
        .split(';')
        .next()
        .and_then(|pair| pair.split_once('='))
        .expect("a cookie")
        .1
        .to_owned()
}

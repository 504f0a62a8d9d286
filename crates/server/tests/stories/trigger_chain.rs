//! The chain of triggers: loops through calls, job tokens, webhooks and servers end.

use serde_json::{Value, json};
use testkit::{Database, Form, Project, Request, Response, ScriptedRunner, TestServer, eventually};

use crate::story;

const CONFIG: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: x, tags: []}\n")];

const HEADER: &str = "X-Tripline-Trigger-Chain";

/// Pipelines that may lead to each other unless the administrator says otherwise.
const MOST: usize = 20;

/// A trigger call with the chain of a job.
fn call(project: &Project, token: &str, chain: Option<&str>) -> Response {
    let form = Form::of([("token", token), ("ref", "main")]);
    let with_chain = |request: Request, chain: &str| request.header(HEADER, chain);
    let request = chain.into_iter().fold(project.trigger(), with_chain);
    request.form(&form).send()
}

/// Takes a job and returns what its calls should carry.
fn chain_of_next(runner: &ScriptedRunner) -> String {
    let job = runner.take();
    let chain = job
        .variable("TRIPLINE_TRIGGER_CHAIN")
        .expect("every job has it")
        .to_owned();
    job.succeed();
    chain
}

/// Lets pipelines start each other until one is refused; returns how many there were, the last chain, and the refusal.
fn looped(project: &Project, runner: &ScriptedRunner, token: &str) -> (usize, String, Response) {
    let mut chain = None;
    for count in 0..=MOST {
        let answer = call(project, token, chain.as_deref());
        if answer.status != 201 {
            return (count, chain.unwrap(), answer);
        }
        chain = Some(chain_of_next(runner));
    }
    panic!("nothing ends it");
}

story!(a_loop_of_calls_ends_and_shows_its_chain, runners: 0);

fn a_loop_of_calls_ends_and_shows_its_chain(server: &mut TestServer) {
    let project = server.api().empty_project(CONFIG);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let runner = project.runner();
    let token = project.trigger_token();
    let (count, chain, refused) = looped(&project, &runner, &token);
    assert_eq!((count, refused.status), (MOST, 400));
    let refused = refused.json();
    assert_eq!(refused["reason_code"], "trigger_chain_too_long");
    let links = refused["trigger_chain"].as_array().unwrap();
    assert_eq!(links.len(), MOST);
    let newest = project.get("/pipelines?per_page=1");
    assert_eq!(
        links[MOST - 1],
        json!({"project": project.path, "pipeline_id": newest[0]["id"]})
    );

    // Whoever may not see the project learns nothing about it; nor does another server.
    let new = json!({"username": "eve", "name": "Eve", "email": "eve@example.com", "password": "correct horse 1",
        "skip_confirmation": true});
    let user = server.api().post("/users", &new).expect(201).json();
    let path = format!("/users/{}/personal_access_tokens", user["id"]);
    let access = server
        .api()
        .post(&path, &json!({"name": "t", "scopes": ["api"]}))
        .expect(201)
        .json();
    let eve = server.api().as_token(server, access["token"].as_str().unwrap());
    let own = eve
        .post("/projects", &json!({"name": "own", "initialize_with_readme": true}))
        .expect(201)
        .json();
    let triggers = format!("/projects/{}/triggers", own["id"]);
    let token = eve.post(&triggers, &json!({"description": "own"})).expect(201).json();
    let form = Form::of([("token", token["token"].as_str().unwrap()), ("ref", "main")]);
    let trigger = format!("/api/v4/projects/{}/trigger/pipeline", own["id"]);
    let hidden = server
        .http()
        .post(&trigger)
        .header(HEADER, &chain)
        .form(&form)
        .send()
        .expect(400)
        .json();
    assert_eq!(hidden["trigger_chain"][0]["hidden"], "a project that you cannot see");
    assert!(!hidden.to_string().contains(&project.path));

    // The API takes it as well; what nobody wrote is refused.
    let create = |chain: &str| {
        project
            .request("POST", "/pipeline")
            .header(HEADER, chain)
            .json(&json!({"ref": "main"}))
            .send()
    };
    assert_eq!(create(&chain).status, 400);
    assert_eq!(create("<script>").json()["reason_code"], "trigger_chain_invalid");
    create("").expect(201);
}

#[test]
fn a_loop_through_two_servers_ends() {
    let (one, other) = (crate::server(Database::Sqlite, 0), crate::server(Database::Sqlite, 0));
    let sides = [one.api().project(CONFIG), other.api().project(CONFIG)];
    let (runners, tokens) = (
        sides.each_ref().map(Project::runner),
        sides.each_ref().map(Project::trigger_token),
    );
    // The first jobs are those of the pushes.
    for runner in &runners {
        runner.take().succeed();
    }
    let mut chain = None;
    for count in 0..MOST {
        let side = count % 2;
        call(&sides[side], &tokens[side], chain.as_deref()).expect(201);
        chain = Some(chain_of_next(&runners[side]));
    }
    let refused = call(&sides[0], &tokens[0], chain.as_deref()).expect(400).json();
    let links = refused["trigger_chain"].as_array().unwrap();
    assert_eq!(links[0]["project"], sides[0].path.as_str());
    assert_eq!(
        links[1],
        json!({"project": null, "pipeline_id": null, "hidden": "another server"})
    );
    // Somebody who leaves links out may: it is as if they had sent none. A link that is changed still counts.
    let forged = chain.unwrap().replace('a', "b");
    assert_eq!(call(&sides[0], &tokens[0], Some(&forged)).status, 400);
}

story!(a_loop_of_job_tokens_ends, runners: 0);

fn a_loop_of_job_tokens_ends(server: &mut TestServer) {
    let projects = [0, 1].map(|_| server.api().project(CONFIG));
    let runners = projects.each_ref().map(Project::runner);
    for (project, other) in [(0, 1), (1, 0)] {
        let allow = json!({"target_project_id": projects[other].id});
        projects[project]
            .request("POST", "/job_token_scope/allowlist")
            .json(&allow)
            .send()
            .expect(201);
    }
    let mut job = runners[0].take();
    runners[1].take().succeed();
    // The pipeline of the push is the first; header or not, it is known where a job token comes from.
    for count in 1..=MOST {
        let next = count % 2;
        let answer = call(&projects[next], job.token(), None);
        job.succeed();
        if count == MOST {
            let refused = answer.expect(400).json();
            assert_eq!(refused["reason_code"], "trigger_chain_too_long");
            let links: Vec<&Value> = refused["trigger_chain"].as_array().unwrap().iter().collect();
            assert_eq!(links[0]["project"], projects[0].path.as_str());
            assert_eq!(links[1]["project"], projects[1].path.as_str());
            return;
        }
        answer.expect(201);
        job = runners[next].take();
    }
}

story!(a_loop_of_webhooks_ends, runners: 0);

fn a_loop_of_webhooks_ends(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let fields = json!({
        "name": "itself", "provider": "gitlab", "secret": "loop-secret", "ref_path": "object_attributes.ref",
        "filters": ["object_attributes.status equals pending"],
    });
    let hook = project
        .request("POST", "/inbound_hooks")
        .json(&fields)
        .send()
        .expect(201)
        .json();
    let outgoing = json!({"url": hook["url"], "token": "loop-secret", "push_events": false, "pipeline_events": true});
    project.request("POST", "/hooks").json(&outgoing).send().expect(201);
    let token = project.trigger_token();
    let _ = project.triggered(&token, Form::of([]));
    let log = format!("/inbound_hooks/{}/deliveries?outcome=refused", hook["id"]);
    let refused = eventually("the loop to end", || {
        let log = project.get(&log);
        log.as_array()?.first().cloned()
    });
    assert!(
        refused["reason"]
            .as_str()
            .unwrap()
            .contains("it looks like a loop of triggers"),
        "{refused}"
    );
    let pipelines = project.get("/pipelines?source=trigger&per_page=100");
    assert_eq!(pipelines.as_array().unwrap().len(), MOST);
}

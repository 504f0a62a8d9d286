//! Limits on how many of something there may be, when many make one at the same time.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::{another_server, story};

const CONFIG: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: x}\n")];

/// What is sent for one of many.
type Body<'a> = &'a (dyn Fn(usize) -> Value + Sync);

/// Calls that are made at the same time, half of them on another server where there can be one.
const AT_ONCE: usize = 16;

story!(of_things_made_at_once_there_are_never_more_than_the_limit, runners: 0);

fn of_things_made_at_once_there_are_never_more_than_the_limit(server: &mut TestServer) {
    let project = server.api().empty_project(CONFIG);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let schedule = json!({"description": "s", "ref": "main", "cron": "0 1 * * *", "active": false});
    let schedule = project.request("POST", "/pipeline_schedules").json(&schedule).send();
    let schedule = schedule.expect(201).json();
    let variables = format!("/pipeline_schedules/{}/variables", schedule["id"]);
    let other = another_server(server);
    let mut clients = vec![server.http()];
    clients.extend(other.iter().map(|other| other.http()));
    let url = |number: usize| json!({"url": format!("http://127.0.0.1:9/{number}")});
    let variable = |number: usize| json!({"key": format!("KEY_{number}"), "value": "v"});
    let kinds: [(&str, &str, usize, Body<'_>); 2] = [("/hooks", "/hooks", 100, &url), (&variables, "", 200, &variable)];
    for (path, list, most, body) in kinds {
        for number in 0..most - 4 {
            project.request("POST", path).json(&body(number)).send().expect(201);
        }
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..AT_ONCE)
                .map(|number| {
                    let client = clients[number % clients.len()].with_header("PRIVATE-TOKEN", server.root_token());
                    let line = format!("/api/v4/projects/{}{path}", project.id);
                    scope.spawn(move || client.post(&line).json(&body(most + number)).send().status)
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let made = answers.iter().filter(|status| **status == 201).count();
        assert_eq!(made, 4, "{path}: {answers:?}");
        assert!(
            answers.iter().all(|status| matches!(status, 201 | 400 | 422)),
            "{path}: {answers:?}"
        );
        let there = match list {
            "" => project.get(&format!("/pipeline_schedules/{}", schedule["id"]))["variables"]
                .as_array()
                .unwrap()
                .len(),
            list => project.get(&format!("{list}?per_page=100")).as_array().unwrap().len(),
        };
        assert_eq!(there, most, "{path}");
    }
}

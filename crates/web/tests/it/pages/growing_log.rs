//! A log that grows while pages show it.

use app::jobs::finish::Outcome;
use app::runners::logs;
use app::runners::report::{self, Report};
use serde_json::{Value, json};

use super::Site;

const STREAM: &[(&str, &str)] = &[("accept", "text/event-stream")];

/// The HTML of all lines in a stream, and the names of its events.
fn read(stream: &str) -> (String, Vec<&str>) {
    let events = stream.split("\n\n").filter_map(|event| event.strip_prefix("event: "));
    let (mut html, mut names) = (String::new(), Vec::new());
    for event in events {
        let (name, rest) = event.split_once('\n').unwrap();
        names.push(name);
        let data = rest.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        html.push_str(data["html"].as_str().unwrap_or_default());
    }
    (html, names)
}

/// The numbers of the lines in a piece of HTML.
fn numbers(html: &str) -> Vec<u64> {
    let ids = html.split("id=\"L").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn viewers_are_sent_each_line_once_from_their_place_on_until_the_end() {
    let site = Site::start().await;
    let commits = format!("POST /projects/{}/repository/commits", site.server.project.id);
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": "job: {script: x}"});
    let commit = json!({"branch": "main", "commit_message": "ci", "actions": [action]});
    site.api(&commits, commit).await;
    let ada = site.ada().await;
    let (job, token) = site.server.run_a_job().await;
    let print = async |start: usize, text: String| {
        let added = logs::append(&site.server.app, job, &token, start as u64, text.into()).await;
        assert!(matches!(added.unwrap(), logs::Appended::Stored { .. }));
    };
    let text: String = (1..=2500).map(|number| format!("line {number} <b>\n")).collect();
    let (first, rest) = text.split_at(100);
    print(0, first.to_owned()).await;
    let path = |after: &str| format!("/ada/tool/-/jobs/{job}/log?after={after}");
    let work = async {
        print(100, format!("{rest}not ended")).await;
        let over = Report::Over(Outcome::Success);
        report::report(&site.server.app, job, &token, over, None).await.unwrap();
    };
    let resumed = [("accept", "text/event-stream"), ("last-event-id", "2000")];
    let (from_start, from_line, elsewhere, again) = (path("0"), path("7"), path("end"), path("0"));
    let (from_start, from_line, elsewhere, again, ()) = tokio::join!(
        site.get_with(&ada, &from_start, STREAM),
        site.get_with(&ada, &from_line, STREAM),
        site.get_with(&ada, &elsewhere, STREAM),
        site.get_with(&ada, &again, &resumed),
        work
    );
    assert_eq!(from_start.headers["content-type"], "text/event-stream");
    assert!(from_start.headers.get("content-encoding").is_none());
    for (page, after) in [(&from_start, 0), (&from_line, 7), (&again, 2000)] {
        let (html, names) = read(&page.html);
        assert_eq!(numbers(&html), Vec::from_iter(after + 1..=2501), "after {after}");
        assert!(html.contains("line 2500 &lt;b&gt;") && html.contains("not ended"));
        assert_eq!(names.last(), Some(&"end"), "after {after}");
    }
    assert_eq!(read(&elsewhere.html).1, ["end"]);
    let piece = site.get(&ada, &path("2499")).await;
    assert_eq!((piece.status, numbers(&piece.html)), (200, vec![2500, 2501]));
}

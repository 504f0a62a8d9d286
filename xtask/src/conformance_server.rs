//! Pipeline processing over a running server: the same cases as in memory, driven through HTTP by a user and a
//! scripted runner. Statuses of stages are no part of the API and are compared in memory only.

use std::path::Path;

use compile::yaml::{Key, Node, Value as Yaml, parse, to_yaml};
use serde_json::{Map, Value};
use testkit::{Database, ServerOptions, TestServer, follow_case};

use crate::conformance::Tally;
use crate::conformance_processing::cases;
use crate::{Result, process};

/// Runs every case of the folder against one server, each in a project of its own.
pub(crate) fn run(folder: &Path) -> Result<Tally> {
    let server = TestServer::start(ServerOptions {
        binary: process::build_server()?,
        database: Database::Sqlite,
        runner_concurrency: 0,
    });
    let mut tally = Tally::default();
    for path in cases(folder)? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        match case(&server, &text) {
            Ok(()) => tally.passed += 1,
            Err(difference) => {
                tally.failed += 1;
                println!(
                    "{} over the server: {difference}",
                    path.file_name().unwrap_or_default().display()
                );
            }
        }
    }
    Ok(tally)
}

fn case(server: &TestServer, text: &str) -> Result<()> {
    let parsed = parse(text, 0, &compile::yaml::Limits::default()).map_err(|error| error.to_string())?;
    let config = parsed.root.get("config").ok_or("there is no `config`")?;
    let project = server.api().project(&[(".gitlab-ci.yml", &to_yaml(config))]);
    follow_case(&project, &json(&parsed.root))
}

/// The parts of a case that are no configuration: mappings, lists and texts.
fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Mapping(mapping) => {
            let pair = |(key, entry): (&Key, &compile::yaml::Entry)| match key {
                Key::Text(name) => Some((name.to_string(), json(&entry.value))),
                Key::Other(_) => None,
            };
            Value::Object(mapping.entries.iter().filter_map(pair).collect::<Map<_, _>>())
        }
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect()),
        _ => node
            .as_text()
            .map_or(Value::Null, |text| Value::String(text.to_owned())),
    }
}

//! `tripline trigger`: the trigger call from the command line.

use std::process::ExitCode;

use anyhow::{Context, bail};
use hyper::Method;
use serde_json::{Map, Value as Json, json};

use crate::cli;
use crate::client::{Client, Token, encode};
use crate::follow::{Ending, follow};

/// Makes the call; follows the pipeline when asked to. The exit status then is that of the pipeline.
pub(crate) async fn run(flags: cli::Trigger) -> anyhow::Result<ExitCode> {
    let client = Client::new(&flags.url, Some(Token::Trigger(flags.token.clone())))?;
    let body = json!({
        "token": flags.token,
        "ref": flags.git_ref,
        "variables": pairs("--variable", &flags.variables)?,
        "inputs": pairs("--input", &flags.inputs)?,
    });
    let path = format!("/projects/{}/trigger/pipeline", encode(&flags.project));
    let pipeline = client
        .json(Method::POST, &path, Some(&body))
        .await
        .context("the pipeline was not started")?;
    let page = pipeline["web_url"].as_str().unwrap_or_default();
    if !flags.follow {
        println!("pipeline {}: {page}", pipeline["id"]);
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(project), Some(id)) = (pipeline["project_id"].as_i64(), pipeline["id"].as_i64()) else {
        bail!("the server answered without ids");
    };
    let ending = follow(&client, project, id)
        .await
        .with_context(|| format!("{page} was started but cannot be followed"))?;
    Ok(if ending == Ending::Success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads `NAME=VALUE` flags into an object.
pub(crate) fn pairs(flag: &str, texts: &[String]) -> anyhow::Result<Json> {
    let mut object = Map::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=') else {
            bail!("`{flag} {text}`: expected NAME=VALUE");
        };
        if object.insert(name.to_owned(), Json::String(value.to_owned())).is_some() {
            bail!("`{flag} {text}`: `{name}` is given twice");
        }
    }
    Ok(Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_split_at_the_first_sign() {
        let texts = ["A=1=2".to_owned(), "B=".to_owned()];
        assert_eq!(pairs("--variable", &texts).unwrap(), json!({"A": "1=2", "B": ""}));
        assert!(pairs("--variable", &["A".to_owned()]).is_err());
        assert!(pairs("--variable", &["A=1".to_owned(), "A=2".to_owned()]).is_err());
    }
}

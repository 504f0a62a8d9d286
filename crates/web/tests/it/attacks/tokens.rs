//! Guessing at tokens, and what is nearly one.

use serde_json::{Value, json};

use super::none;
use crate::permissions::world::{Credential, World, token_of};

/// Texts that are nearly the token.
fn nearly(token: &str) -> Vec<String> {
    let (first, last) = (&token[..1], &token[token.len() - 1..]);
    let other = |c: &str| if c == "x" { "y" } else { "x" };
    let swapped = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    vec![
        token.to_uppercase(),
        token.chars().map(swapped).collect(),
        format!("{token}x"),
        format!("{token}{token}"),
        token[..token.len() - 1].to_owned(),
        format!("{}{}", other(first), &token[1..]),
        format!("{}{}", &token[..token.len() - 1], other(last)),
        token.replace('-', "_"),
        token.replace('-', "%2D"),
        format!("{token}%00"),
        format!("{token},{token}"),
        format!("\"{token}\""),
        token.split_inclusive('-').next().unwrap_or_default().to_owned(),
        "null".to_owned(),
        "%".to_owned(),
        "*".to_owned(),
        "' OR '1'='1".to_owned(),
    ]
}

#[tokio::test]
async fn what_is_nearly_a_token_is_as_unknown_as_anything_else() {
    let world = World::start().await;
    let project = &world.projects[0];
    let (_, job_id, job) = world.running(project).await;
    let mut wrong = Vec::new();
    let own = token_of("owner");
    let unknown = world.api.call("GET /user", "glpat-not-there", Value::Null).await;
    assert_eq!(unknown.status, 401);
    for guess in nearly(&own).into_iter().filter(|guess| *guess != own) {
        let answer = world.api.call("GET /user", &guess, Value::Null).await;
        if (answer.status, &answer.text) != (401, &unknown.text) {
            wrong.push(format!("access token {guess}: {} {}", answer.status, answer.text));
        }
    }
    let trigger = &project.things["trigger_token"];
    let line = format!("POST /projects/{}/trigger/pipeline", project.id);
    let unknown = world
        .api
        .call(&line, "", json!({"token": "glptt-not-there", "ref": "main"}))
        .await;
    assert_eq!(unknown.status, 404);
    let odd = [
        json!([trigger]),
        json!({"a": trigger}),
        json!(true),
        json!(0),
        json!(""),
    ];
    for guess in nearly(trigger).into_iter().map(Value::from).chain(odd) {
        if guess == **trigger {
            continue;
        }
        let answer = world.api.call(&line, "", json!({"token": guess, "ref": "main"})).await;
        let is_unknown = (answer.status, &answer.text) == (404, &unknown.text);
        let is_no_text = answer.status == 400 && (!guess.is_string() || guess == "");
        if !is_unknown && !is_no_text {
            wrong.push(format!("trigger token {guess}: {} {}", answer.status, answer.text));
        }
    }
    let line = format!("PUT /jobs/{job_id}");
    let mut of_other = nearly(&job);
    // The token of another hand-out of the same job, and of another job.
    of_other.extend(world.running(&world.home).await.2.split(' ').map(str::to_owned));
    for guess in of_other.into_iter().filter(|guess| *guess != job) {
        let answer = world
            .api
            .call(&line, "", json!({"token": guess, "state": "running"}))
            .await;
        if answer.status != 403 {
            wrong.push(format!("job token {guess}: {} {}", answer.status, answer.text));
        }
    }
    for guess in nearly(&world.runner_token)
        .into_iter()
        .filter(|guess| *guess != world.runner_token)
    {
        let body = json!({"token": guess, "system_id": "s"});
        let verified = world.api.call("POST /runners/verify", "", body.clone()).await;
        let asked = world.api.call("POST /jobs/request", "", body).await;
        if (verified.status, asked.status) != (403, 403) {
            wrong.push(format!("runner token {guess}: {} {}", verified.status, asked.status));
        }
    }
    let session = world.session("owner").await;
    for guess in nearly(&session).into_iter().filter(|guess| *guess != session) {
        let browser = Credential {
            name: String::new(),
            headers: vec![("cookie", format!("tripline_session={guess}"))],
        };
        let status = world.status(&browser, "GET", "/-/user_settings/profile", None).await;
        if status != 303 {
            wrong.push(format!("session {guess}: {status}"));
        }
    }
    none(&wrong);
    let is_good = world.api.call("GET /user", &own, Value::Null).await;
    assert_eq!(is_good.status, 200, "the tokens themselves are good");
}

/// A comparison that ends at the first byte that differs tells in its time how much was right. So a secret is found
/// by its keyed digest, or compared in constant time; this reads the sources for anything else.
#[test]
fn no_secret_is_compared_byte_by_byte() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut files = 0;
    for folder in ["app/src", "web/src", "git/src"] {
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                for (number, line) in code.lines().enumerate() {
                    let line = line.split("//").next().unwrap_or_default();
                    if compares_a_secret(line) {
                        found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(files > 100);
    assert!(
        compares_a_secret("if given.token == hook.secret {"),
        "the search finds what it is for"
    );
    assert!(found.is_empty(), "compared with `==`:\n{}", found.join("\n"));
}

fn compares_a_secret(line: &str) -> bool {
    // Digests under the server's key may be compared as they are: nobody can choose them.
    // A text that is compared with itself is looked at for its form.
    if line.contains("keys.digest(")
        || line.contains("secret.trim() == secret")
        || !(line.contains("==") || line.contains("!="))
    {
        return false;
    }
    let is_secret = |word: &str| {
        let word = word
            .rsplit(['.', ':', '&', '*', '('])
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        matches!(
            word.trim_end_matches(['(', ')', ',', ';', '{', '}']),
            "token"
                | "secret"
                | "password"
                | "signature"
                | "session"
                | "job_token"
                | "private_token"
                | "key_text"
                | "csrf"
                | "signing_token"
                | "mac"
                | "code"
        )
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    words.iter().enumerate().any(|(at, word)| {
        matches!(*word, "==" | "!=")
            && (at > 0 && is_secret(words[at - 1]) || words.get(at + 1).is_some_and(|word| is_secret(word)))
    })
}

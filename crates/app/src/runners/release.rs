//! The step that makes a release (`release:`): a script for the command line tools that GitLab's users have.
//!
//! It prefers `glab` from the version on that can do all of it, and falls back to `release-cli`. Variables in the
//! values are the shell's to expand; nothing else in them ends their quotes.

use model::definition::Release;
use serde_json::Value;

/// First version of `glab` that knows all options used here.
const GLAB_VERSION: &str = "1.58.0";

/// Returns the script of the step.
#[must_use]
pub fn script(release: &Release) -> String {
    let links = links(release);
    format!(
        "tripline_glab=\"$(glab --version 2>/dev/null | grep -oE '[0-9]+\\.[0-9]+\\.[0-9]+' | head -n 1)\"\n\
         if [ -n \"$tripline_glab\" ] && [ \"$(printf '%s\\n' {GLAB_VERSION} \"$tripline_glab\" | sort -V | head -n 1)\" = {GLAB_VERSION} ]; then\n  \
         export GITLAB_HOST=\"$CI_SERVER_URL\"\n  \
         glab auth login --job-token \"$CI_JOB_TOKEN\" --hostname \"$CI_SERVER_FQDN\" --api-protocol \"$CI_SERVER_PROTOCOL\"\n  \
         {}\n\
         else\n  \
         {}\n\
         fi",
        with_glab(release, &links),
        with_release_cli(release, &links),
    )
}

fn with_glab(release: &Release, links: &[Value]) -> String {
    let tag = Some(release.tag_name.as_str())
        .filter(|tag| !tag.is_empty())
        .unwrap_or("$CI_COMMIT_TAG");
    let git_ref = release.git_ref.as_deref().unwrap_or("$CI_COMMIT_SHA");
    let mut words = vec!["glab release create -R \"$CI_PROJECT_PATH\"".to_owned(), quoted(tag)];
    if !links.is_empty() {
        let links = Value::Array(links.to_vec()).to_string();
        words.push(format!("--assets-links {}", quoted(&links)));
    }
    if !release.milestones.is_empty() {
        words.push(format!("--milestone {}", quoted(&release.milestones.join(","))));
    }
    option(&mut words, "--name", release.name.as_deref());
    option(
        &mut words,
        "--experimental-notes-text-or-file",
        Some(&release.description),
    );
    option(&mut words, "--ref", Some(git_ref));
    option(&mut words, "--tag-message", release.tag_message.as_deref());
    option(&mut words, "--released-at", release.released_at.as_deref());
    words.push("--no-update --no-close-milestone".to_owned());
    words.join(" ")
}

fn with_release_cli(release: &Release, links: &[Value]) -> String {
    let mut words = vec!["release-cli create".to_owned()];
    option(&mut words, "--name", release.name.as_deref());
    option(&mut words, "--description", Some(&release.description));
    option(&mut words, "--tag-name", Some(&release.tag_name));
    option(&mut words, "--tag-message", release.tag_message.as_deref());
    option(&mut words, "--ref", release.git_ref.as_deref());
    option(&mut words, "--released-at", release.released_at.as_deref());
    for milestone in &release.milestones {
        option(&mut words, "--milestone", Some(milestone));
    }
    for link in links {
        option(&mut words, "--assets-link", Some(&link.to_string()));
    }
    words.join(" ")
}

fn option(words: &mut Vec<String>, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        words.push(format!("{name} {}", quoted(value)));
    }
}

/// The links of `assets`.
fn links(release: &Release) -> Vec<Value> {
    let assets: Option<Value> = release
        .assets
        .as_deref()
        .and_then(|json| serde_json::from_str(json).ok());
    let links = assets.and_then(|assets| assets.get("links")?.as_array().cloned());
    links.unwrap_or_default()
}

/// A word in double quotes: variables in it are expanded, quotes in it do not end it.
fn quoted(value: &str) -> String {
    let mut word = String::with_capacity(value.len() + 2);
    word.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '`') {
            word.push('\\');
        }
        word.push(c);
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            tag_name: "v$VERSION".to_owned(),
            description: "say \"hi\" `x`".to_owned(),
            milestones: vec!["m1".to_owned(), "m2".to_owned()],
            assets: Some(r#"{"links":[{"name":"a","url":"https://x.example/a"}]}"#.to_owned()),
            ..Release::default()
        }
    }

    #[test]
    fn both_tools_get_what_was_written() {
        let script = script(&release());
        for expected in [
            r#"glab release create -R "$CI_PROJECT_PATH" "v$VERSION" --assets-links "[{\"name\":\"a\",\"url\":\"https://x.example/a\"}]" --milestone "m1,m2""#,
            r#"--experimental-notes-text-or-file "say \"hi\" \`x\`" --ref "$CI_COMMIT_SHA" --no-update --no-close-milestone"#,
            r#"release-cli create --description "say \"hi\" \`x\`" --tag-name "v$VERSION" --milestone "m1" --milestone "m2""#,
            r#"--assets-link "{\"name\":\"a\",\"url\":\"https://x.example/a\"}""#,
        ] {
            assert!(script.contains(expected), "{expected} in\n{script}");
        }
    }

    #[test]
    fn the_shell_takes_the_script_and_a_tool_that_is_not_there_fails_it() {
        let run = std::process::Command::new("bash")
            .args(["-euc", &script(&release())])
            .env("VERSION", "1")
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(127), "{error}");
        assert!(error.contains("release-cli"), "{error}");
    }
}

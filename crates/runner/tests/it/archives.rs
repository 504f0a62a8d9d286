//! Artifacts, dependencies and caches.

use std::io::{Cursor, Read, Write};

use crate::fake::{Fake, job, set};
use wire::runner::{Artifact, ArtifactsFile, Cache, Dependency};

fn artifact(paths: &[&str]) -> Artifact {
    Artifact {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        artifact_type: "archive".into(),
        artifact_format: "zip".into(),
        ..Artifact::default()
    }
}

/// Returns the names in a zip, in order.
fn names(bytes: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

/// Returns a zip with these files; a content that begins with `->` is a link.
fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        match content.strip_prefix("->") {
            Some(target) => archive.add_symlink(*name, target, options).unwrap(),
            None => {
                archive.start_file(*name, options).unwrap();
                archive.write_all(content.as_bytes()).unwrap();
            }
        }
    }
    archive.finish().unwrap().into_inner()
}

fn dependency(id: i64) -> Dependency {
    Dependency {
        id,
        name: "build".into(),
        token: "jobtoken-7f3a91".into(),
        artifacts_file: Some(ArtifactsFile {
            filename: "artifacts.zip".into(),
            size: 1,
        }),
    }
}

#[tokio::test]
async fn chosen_files_are_uploaded_without_what_is_excluded() {
    let fake = Fake::start().await;
    let mut job = job(&[
        "mkdir -p out/deep && echo 1 > out/a.txt && echo 2 > out/deep/b.txt && echo 3 > out/c.log",
        "ln -s /etc/passwd out/link; touch other.txt",
    ]);
    set(&mut job, "WHERE", "out");
    job.artifacts = vec![Artifact {
        name: "result-$CI".into(),
        exclude: vec!["**/*.log".into()],
        expire_in: "1 week".into(),
        ..artifact(&["$WHERE/", "*.md", "../*", "/etc/passwd"])
    }];
    let ended = fake.run(job).await;
    ended
        .succeeded()
        .says("out/: found 6 matching artifact files and directories");
    ended
        .says("*.md: no matching files")
        .says("../*: not inside the project")
        .says("/etc/passwd: not inside the project");
    fake.read(|state| {
        let (name, bytes) = &state.uploads[0];
        assert_eq!(
            name,
            "result-true.zip?artifact_format=zip&artifact_type=archive&expire_in=1%20week"
        );
        let mut names = names(bytes);
        names.sort();
        assert_eq!(names, ["out/", "out/a.txt", "out/deep/", "out/deep/b.txt", "out/link"]);
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut link = String::new();
        archive.by_name("out/link").unwrap().read_to_string(&mut link).unwrap();
        assert_eq!(link, "/etc/passwd", "a link is kept as a link");
    });
}

#[tokio::test]
async fn reports_have_their_formats_and_ends_decide() {
    let fake = Fake::start().await;
    let mut job = job(&[
        "echo '<x/>' > a.xml; echo '<y/>' > b.xml; echo '[]' > q.json; echo 1 > f.txt",
        "exit 1",
    ]);
    let report = |kind: &str, format: &str, name: &str, when: &str, paths: &[&str]| Artifact {
        name: name.into(),
        when: when.into(),
        artifact_type: kind.into(),
        artifact_format: format.into(),
        ..artifact(paths)
    };
    job.artifacts = vec![
        report("junit", "gzip", "junit.xml", "always", &["*.xml"]),
        report(
            "codequality",
            "raw",
            "gl-code-quality-report.json",
            "on_failure",
            &["q.json"],
        ),
        report("archive", "zip", "", "on_success", &["f.txt"]),
    ];
    fake.run(job).await.failed("script_failure", Some(1));
    fake.read(|state| {
        let names: Vec<&str> = state.uploads.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "junit.xml.gz?artifact_format=gzip&artifact_type=junit",
                "gl-code-quality-report.json?artifact_format=raw&artifact_type=codequality"
            ]
        );
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&state.uploads[0].1[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "<x/>\n<y/>\n");
        assert_eq!(state.uploads[1].1, b"[]\n");
    });
}

#[tokio::test]
async fn an_upload_that_fails_fails_the_job_and_nothing_to_upload_does_not() {
    let fake = Fake::start().await;
    let mut refused = job(&["echo 1 > f"]);
    refused.artifacts = vec![artifact(&["f"])];
    fake.script(|state| state.upload_answers = [(413, vec![])].into());
    fake.run(refused).await.failed("script_failure", Some(1)).says("413");
    let mut nothing = job(&["true"]);
    nothing.artifacts = vec![artifact(&["missing"])];
    fake.run(nothing).await.succeeded().says("ERROR: No files to upload");
}

#[tokio::test]
async fn dependencies_are_unpacked_and_missing_ones_fail_the_job() {
    let fake = Fake::start().await;
    fake.script(|state| {
        state
            .archives
            .insert(70, zip_of(&[("out/a.txt", "one"), ("out/link", "->a.txt")]));
    });
    let mut good = job(&["cat out/a.txt out/link; echo"]);
    good.dependencies = vec![
        dependency(70),
        Dependency {
            artifacts_file: None,
            ..dependency(71)
        },
    ];
    fake.run(good)
        .await
        .succeeded()
        .says("\noneone\n")
        .says("Downloading artifacts for build (70)...");
    let mut missing = job(&["echo never"]);
    missing.dependencies = vec![dependency(404)];
    fake.run(missing)
        .await
        .failed("script_failure", Some(1))
        .says("404")
        .hides("$ echo never");
}

#[tokio::test]
async fn archives_that_lead_elsewhere_or_are_bombs_are_refused() {
    let fake = Fake::with(|config| {
        config.limits.unpacked_bytes = 1000;
        config.limits.unpacked_files = 3;
    })
    .await;
    let escape = fake.folder.join("escaped");
    let through_link = zip_of(&[("dir", &format!("->{}", fake.folder.display())), ("dir/escaped", "x")]);
    let cases = [
        (zip_of(&[("../../escaped", "x")]), "leads out of the project folder"),
        (zip_of(&[("/escaped", "x")]), ""),
        (zip_of(&[(".git/hooks/x", "x")]), "belongs to the repository"),
        (zip_of(&[("big", &"x".repeat(1001))]), "larger than allowed"),
        (
            zip_of(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]),
            "at most 3 are allowed",
        ),
        (b"no archive".to_vec(), "not a usable archive"),
        (through_link, "dir`: Is a directory"),
    ];
    for (index, (archive, says)) in cases.into_iter().enumerate() {
        let id = 100 + index as i64;
        fake.script(|state| {
            state.archives.insert(id, archive);
        });
        let mut job = job(&["true"]);
        job.dependencies = vec![dependency(id)];
        let ended = fake.run(job).await;
        ended.says(says);
        assert_eq!(ended.state == "failed", !says.is_empty(), "{}", ended.trace);
        assert!(!escape.exists());
    }
}

#[tokio::test]
async fn caches_are_kept_by_key_with_fallbacks_and_policies() {
    let fake = Fake::start().await;
    let cache = |key: &str, policy: &str| Cache {
        key: key.into(),
        policy: policy.into(),
        paths: vec!["deps".into()],
        ..Cache::default()
    };
    let mut fill = job(&["test ! -e deps", "mkdir deps && echo kept > deps/x"]);
    set(&mut fill, "GIT_STRATEGY", "empty");
    fill.cache = vec![cache("$CI-key", "")];
    fake.run(fill)
        .await
        .succeeded()
        .says("No cache found")
        .says("Creating cache true-key...")
        .says("Created cache");

    let check = |key: &str, policy: &str, fallback: &[&str], script: &[&str]| {
        let mut job = job(script);
        set(&mut job, "GIT_STRATEGY", "empty");
        job.cache = vec![Cache {
            fallback_keys: fallback.iter().map(|key| (*key).to_owned()).collect(),
            ..cache(key, policy)
        }];
        job
    };
    fake.run(check("true-key", "pull", &[], &["cat deps/x", "echo changed > deps/x"]))
        .await
        .succeeded()
        .says("\nkept\n");
    fake.run(check("other", "pull", &["none", "true-key"], &["cat deps/x"]))
        .await
        .succeeded()
        .says("\nkept\n");
    fake.run(check(
        "true-key",
        "push",
        &[],
        &["test ! -e deps", "mkdir deps; echo new > deps/x"],
    ))
    .await
    .succeeded();
    fake.run(check("../true-key", "pull", &[], &["cat deps/x"]))
        .await
        .succeeded()
        .says("\nnew\n");
    let wrong = check("k", "sometimes", &[], &["true"]);
    fake.run(wrong)
        .await
        .failed("runner_configuration_error", None)
        .says("unknown cache policy `sometimes`");
}

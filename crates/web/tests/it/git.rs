//! Git over HTTP with the real git client.

use std::io::Write as _;
use std::net::TcpStream;

use model::{AccessLevel, Sha, Source, Status, Visibility};
use testkit::TempDir;

use crate::fixture::{CONFIG, Server, refused, said, work_tree};

macro_rules! story {
    ($name:ident, $server:ident, $body:block) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let $server = Server::start().await;
            $body
        }
    };
}

story!(what_is_pushed_can_be_cloned_and_fetched, server, {
    let work = work_tree();
    let output = work.try_git(&["push", &server.tool(), "main"]);
    assert!(
        said(&output).contains("remote: View pipeline for main:"),
        "{}",
        said(&output)
    );
    for protocol in ["0", "2"] {
        let version = format!("protocol.version={protocol}");
        let copy = TempDir::new();
        let into = copy.path().join("copy");
        work.git(&["-c", &version, "clone", "-q", &server.tool(), into.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(into.join(".gitlab-ci.yml")).unwrap(), CONFIG);
        work.commit("more", &[("b", protocol)]);
        work.git(&["push", "-q", &server.tool(), "main"]);
        work.git(&["-c", &version, "-C", into.to_str().unwrap(), "pull", "-q"]);
        assert_eq!(std::fs::read_to_string(into.join("b")).unwrap(), protocol);
    }
    let shallow = TempDir::new();
    let into = shallow.path().join("copy");
    work.git(&["clone", "-q", "--depth", "1", &server.tool(), into.to_str().unwrap()]);
    assert_eq!(
        work.git(&["-C", into.to_str().unwrap(), "rev-list", "--count", "HEAD"]),
        "1"
    );
});

story!(a_push_creates_pipelines_with_the_right_commits, server, {
    let work = work_tree();
    let first = work.sha("HEAD");
    work.git(&["push", "-q", &server.tool(), "main"]);
    work.commit("second", &[]);
    let second = work.sha("HEAD");
    work.git(&["tag", "-a", "-m", "release", "v1"]);
    work.git(&["tag", "light", &first]);
    work.git(&["push", "-q", &server.tool(), "main", "v1", "light", ":refs/tags/none"]);
    let zero = Sha::zero().to_string();
    let list = server.pipelines().await;
    let mut found: Vec<_> = list
        .iter()
        .map(|p| {
            (
                p.git_ref.name.as_str(),
                p.git_ref.is_tag,
                p.before_sha.as_str(),
                p.sha.as_str(),
            )
        })
        .collect();
    found.sort_unstable();
    let mut expected = vec![
        ("main", false, zero.as_str(), first.as_str()),
        ("main", false, first.as_str(), second.as_str()),
        ("v1", true, zero.as_str(), second.as_str()),
        ("light", true, zero.as_str(), first.as_str()),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(
        list.iter()
            .all(|p| p.source == Source::Push && p.user_id == Some(server.ada.id))
    );
});

story!(the_first_branch_becomes_the_default_one_and_is_protected, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main:refs/heads/trunk"]);
    let copy = TempDir::new();
    let into = copy.path().join("copy");
    work.git(&["clone", "-q", &server.tool(), into.to_str().unwrap()]);
    assert_eq!(
        work.git(&["-C", into.to_str().unwrap(), "branch", "--show-current"]),
        "trunk"
    );
    let dev = server.member("dev", AccessLevel::Developer).await;
    work.commit("more", &[]);
    let text = refused(&work.try_git(&["push", &server.url(&dev, "ada/tool.git"), "main:trunk"]));
    assert!(text.contains("[remote rejected] main -> trunk"), "{text}");
});

story!(skip_markers_and_push_options_reach_the_pipeline, server, {
    let work = work_tree();
    let push = |options: &[&str]| {
        let mut arguments = vec!["push", "-q"];
        options.iter().for_each(|option| arguments.extend(["-o", *option]));
        let url = server.tool();
        arguments.extend([url.as_str(), "main"]);
        work.git(&arguments)
    };
    push(&["ci.skip"]);
    work.commit("nothing to see [skip ci]", &[]);
    push(&[]);
    work.commit("variables", &[]);
    push(&["ci.variable=A=1", "ci.variable=B=x=y", "merge_request.create"]);
    let list = server.pipelines().await;
    let statuses: Vec<_> = list.iter().map(|p| p.status).collect();
    assert_eq!(statuses[..2], [Status::Skipped, Status::Skipped]);
    assert_ne!(statuses[2], Status::Skipped);
    let id = list[2].id;
    let given = server
        .app
        .store
        .read(move |tx| store::ops::pipelines::given(tx, id))
        .await
        .unwrap();
    let variables = app::pipelines::given::open(
        &server.app.keys,
        server.project.id,
        list[2].created_at,
        given.variables.as_deref(),
    );
    let variables: Vec<_> = variables.unwrap().into_iter().map(|v| (v.key, v.value)).collect();
    assert_eq!(
        variables,
        [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x=y".to_owned())]
    );
});

story!(at_most_four_refs_of_a_push_start_pipelines, server, {
    let work = work_tree();
    for number in 0..6 {
        work.git(&["branch", &format!("b{number}")]);
    }
    work.git(&["push", "-q", "--all", &server.tool()]);
    assert_eq!(server.pipelines().await.len(), 4);
});

story!(a_configuration_that_is_wrong_does_not_fail_the_push, server, {
    let work = work_tree();
    work.commit("broken", &[(".gitlab-ci.yml", "job: [")]);
    let output = work.try_git(&["push", &server.tool(), "main"]);
    assert!(
        said(&output).contains("remote: The pipeline failed for main:"),
        "{}",
        said(&output)
    );
    assert_eq!(server.pipelines().await[0].status, Status::Failed);
    work.commit("none", &[]);
    work.git(&["rm", "-q", ".gitlab-ci.yml"]);
    work.commit("none", &[]);
    assert!(!said(&work.try_git(&["push", &server.tool(), "main"])).contains("remote:"));
    assert_eq!(server.pipelines().await.len(), 1);
});

story!(branches_are_forced_and_deleted_unless_protected, server, {
    let work = work_tree();
    let url = server.tool();
    let push = |refspec: &str| work.try_git(&["push", &url, refspec]);
    said(&push("main"));
    said(&push("main:free"));
    work.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "other"]);
    said(&push("+main:free"));
    said(&push(":free"));
    let text = refused(&push("+main:main"));
    assert!(
        text.contains("[remote rejected] main -> main (non-fast-forward)"),
        "{text}"
    );
    let text = refused(&push(":main"));
    assert!(
        text.contains("remote: GitLab: The default branch of a project cannot be deleted."),
        "{text}"
    );
    server.protect("stable-*", false, Some(AccessLevel::Developer)).await;
    said(&push("main:stable-1"));
    let text = refused(&push(":stable-1"));
    assert!(
        text.contains("You can only delete protected branches using the web interface."),
        "{text}"
    );
});

story!(a_protected_ref_refuses_the_whole_push_and_is_named, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    server.protect("v*", true, Some(AccessLevel::Maintainer)).await;
    server.protect("closed", false, None).await;
    let dev = server.url(&server.member("dev", AccessLevel::Developer).await, "ada/tool.git");
    work.commit("more", &[("b", "1")]);
    work.git(&["tag", "v1"]);
    for (refspec, message) in [
        (
            "main",
            "You are not allowed to push code to protected branches on this project.",
        ),
        (
            "main:closed",
            "You are not allowed to create protected branches on this project.",
        ),
        ("v1", "You are not allowed to create this tag as it is protected."),
    ] {
        let text = refused(&work.try_git(&["push", &dev, "main:feature", refspec]));
        assert!(text.contains(&format!("remote: GitLab: {message}")), "{text}");
        assert!(
            text.contains("main -> feature (refused together with other refs of this push)"),
            "{text}"
        );
    }
    assert!(work.try_git(&["ls-remote", &dev, "feature"]).stdout.is_empty());
    said(&work.try_git(&["push", &dev, "main:feature"]));
    assert!(!refused(&work.try_git(&["push", &server.tool(), "main:closed"])).is_empty());
});

story!(refs_of_the_server_are_fetched_but_not_pushed, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    let repository = server.app.repositories.open(&server.project).unwrap();
    let head = work.sha("HEAD").parse().unwrap();
    repository.create_pipeline_ref(model::PipelineId(1), &head).unwrap();
    work.git(&["fetch", "-q", &server.tool(), "+refs/pipelines/1:refs/pipelines/1"]);
    let text = refused(&work.try_git(&["push", &server.tool(), "main:refs/pipelines/2"]));
    assert!(
        text.contains("main -> refs/pipelines/2 (this ref is kept by the server)"),
        "{text}"
    );
    let text = refused(&work.try_git(&["push", &server.tool(), ":refs/pipelines/1"]));
    assert!(text.contains("refs/pipelines/1"), "{text}");
    assert!(repository.ref_target("refs/pipelines/1").unwrap().is_some());
});

story!(who_may_read_and_who_may_push, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main:side"]);
    let reporter = server.member("reporter", AccessLevel::Reporter).await;
    let guest = server.member("guest", AccessLevel::Guest).await;
    let stranger = server.user("stranger").await;
    server.token(&stranger, "glpat-stranger-xxxx", &["api"]).await;
    server
        .token(&server.ada, "glpat-reads-only-xx", &["read_repository"])
        .await;
    server
        .token(&server.ada, "glpat-writes-only-x", &["write_repository"])
        .await;
    server.token(&server.ada, "glpat-api-reads-onl", &["read_api"]).await;
    let may_not_read = "You are not allowed to download code from this project.";
    let may_not_push = "You are not allowed to push code to this project.";
    let (login, missing) = ("could not read Username", "not found");
    let denied = "Authentication failed";
    for (password, path, read, push) in [
        (crate::fixture::TOKEN, "ada/tool.git", "", ""),
        (crate::fixture::TOKEN, "Ada/TOOL.git", "", ""),
        (crate::fixture::TOKEN, "ada/tool", "", ""),
        ("glpat-reads-only-xx", "ada/tool.git", "", may_not_push),
        ("glpat-writes-only-x", "ada/tool.git", "", ""),
        ("glpat-api-reads-onl", "ada/tool.git", may_not_read, may_not_push),
        (&reporter, "ada/tool.git", "", may_not_push),
        (&guest, "ada/tool.git", may_not_read, may_not_push),
        ("glpat-stranger-xxxx", "ada/tool.git", missing, missing),
        (crate::fixture::TOKEN, "ada/none.git", missing, missing),
        ("glpat-unknown-token", "ada/tool.git", denied, denied),
        ("", "ada/tool.git", login, login),
        ("", "ada/none.git", login, login),
    ] {
        let url = server.url(password, path);
        for (arguments, expected) in [
            (vec!["ls-remote", &url], read),
            (vec!["push", &url, "+main:refs/heads/side"], push),
        ] {
            let output = work.try_git(&arguments);
            match expected {
                "" => drop(said(&output)),
                expected => assert!(refused(&output).contains(expected), "{url} {}", refused(&output)),
            }
        }
    }
});

story!(a_public_project_is_read_by_everybody_and_pushed_to_by_nobody, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    let publish = |project: &mut model::Project| project.visibility = Visibility::Public;
    server.change(server.project.id, publish).await;
    let url = server.url("", "ada/tool.git");
    work.git(&["ls-remote", &url]);
    assert!(refused(&work.try_git(&["push", &url, "main:x"])).contains("could not read Username"));
});

story!(an_archived_project_takes_no_push, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    server
        .change(server.project.id, |project| project.archived = true)
        .await;
    work.git(&["ls-remote", &server.tool()]);
    assert!(refused(&work.try_git(&["push", &server.tool(), "main:x"])).contains("You are not allowed to push"));
});

story!(a_project_that_moved_is_found_at_its_new_path, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    server
        .change(server.project.id, |project| {
            (project.path, project.full_path) = ("renamed".to_owned(), "ada/renamed".to_owned());
        })
        .await;
    work.git(&["ls-remote", &server.url(crate::fixture::TOKEN, "ada/renamed.git")]);
    assert!(refused(&work.try_git(&["ls-remote", &server.tool()])).contains("not found"));
});

story!(a_job_token_reads_its_own_project_while_the_job_runs, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    let other = server.project(&server.ada, "other").await;
    let (job, token) = server.run_a_job().await;
    let own = server.url(&token, "ada/tool.git");
    let foreign = server.url(&token, "ada/other.git");
    work.git(&["fetch", "-q", &own, "main"]);
    assert!(refused(&work.try_git(&["ls-remote", &foreign])).contains("not allowed"));
    let (list, source) = (other.id, server.project.id);
    let added = store::ops::job_token_scope::Added {
        by: None,
        at: model::Timestamp(0),
    };
    let allow = move |tx: &mut dyn store::Tx| store::ops::job_token_scope::add_project(tx, list, source, added);
    assert!(server.app.store.write(allow).await.unwrap());
    work.git(&["ls-remote", &foreign]);
    let forbid = move |tx: &mut dyn store::Tx| store::ops::job_token_scope::remove_project(tx, list, source);
    assert!(server.app.store.write(forbid).await.unwrap());
    assert!(refused(&work.try_git(&["ls-remote", &foreign])).contains("not allowed"));
    server
        .change(other.id, |project| project.settings.job_token_inbound = false)
        .await;
    work.git(&["ls-remote", &foreign]);
    assert!(refused(&work.try_git(&["push", &foreign, "main"])).contains("You are not allowed to push"));
    assert!(refused(&work.try_git(&["push", &own, "main:x"])).contains("You are not allowed to push"));
    // Where it is switched on a job pushes, and its push starts nothing.
    server
        .change(server.project.id, |project| project.settings.job_token_push = true)
        .await;
    work.git(&["push", "-q", &own, "main:x"]);
    assert_eq!(server.pipelines().await.len(), 1);
    let end = move |tx: &mut dyn store::Tx| {
        let mut job = store::ops::jobs::lock(tx, job)?.expect("it is there");
        job.status = Status::Success;
        store::ops::jobs::save(tx, &job)
    };
    server.app.store.write(end).await.unwrap();
    assert!(refused(&work.try_git(&["ls-remote", &own])).contains("Authentication failed"));
});

story!(requests_that_no_git_client_sends_are_refused, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    server
        .change(server.project.id, |project| project.visibility = Visibility::Public)
        .await;
    let address = server.url("", "");
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let call = |head: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let post = "POST /ada/tool.git/git-upload-pack HTTP/1.1\r\nContent-Type: application/x-git-upload-pack-request";
    let zipped = format!("{post}\r\nContent-Encoding: gzip");
    let odd = format!("{post}\r\nContent-Encoding: compress");
    for (head, body, status) in [
        ("GET /ada/tool.git/info/refs HTTP/1.1", &b""[..], "403"),
        ("GET /ada/tool.git/HEAD HTTP/1.1", b"", "403"),
        ("GET /ada/tool.git/objects/info/packs HTTP/1.1", b"", "403"),
        ("GET /ada/tool.git/config HTTP/1.1", b"", "404"),
        ("GET /ada/tool.git/git-upload-pack HTTP/1.1", b"", "404"),
        (
            "POST /ada/tool.git/info/refs?service=git-upload-pack HTTP/1.1",
            b"",
            "404",
        ),
        ("POST /ada/tool.git/git-upload-pack HTTP/1.1", b"0000", "415"),
        (
            "POST /ada/tool.git/git-receive-pack HTTP/1.1\r\nContent-Type: application/x-git-receive-pack-request",
            b"zzzz",
            "401",
        ),
        ("GET /ada/tool/info/refs?service=git-upload-pack HTTP/1.1", b"", "301"),
        (
            "GET /ada/../tool.git/info/refs?service=git-upload-pack HTTP/1.1",
            b"",
            "401",
        ),
        (
            "GET /ada/tool.git/info/refs?service=git-upload-pack HTTP/1.1\r\nAuthorization: Basic !!!",
            b"",
            "401",
        ),
        (&zipped, b"not gzip", "400"),
        (&odd, b"x", "415"),
    ] {
        let answer = call(head, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
        assert_eq!(
            answer.contains("www-authenticate: Basic realm=\"GitLab\""),
            status == "401",
            "{answer}"
        );
    }
});

story!(a_client_that_compresses_its_request_is_understood, server, {
    let work = work_tree();
    // Git compresses requests of more than a kilobyte: many refs that the other side has already.
    for number in 0..40 {
        work.commit(&format!("c{number}"), &[]);
        work.git(&["tag", &format!("t{number}")]);
    }
    work.git(&["push", "-q", &server.tool(), "main", "--tags"]);
    let copy = TempDir::new();
    let into = copy.path().join("copy");
    work.git(&["clone", "-q", &server.tool(), into.to_str().unwrap()]);
    assert_eq!(work.git(&["-C", into.to_str().unwrap(), "tag"]).lines().count(), 40);
    for number in 0..60 {
        work.git(&[
            "-C",
            into.to_str().unwrap(),
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            &format!("own {number}"),
        ]);
    }
    work.commit("news", &[]);
    work.git(&["push", "-q", &server.tool(), "main"]);
    work.git(&["-C", into.to_str().unwrap(), "-c", "protocol.version=0", "fetch", "-q"]);
    assert_eq!(
        work.git(&["-C", into.to_str().unwrap(), "rev-parse", "origin/main"]),
        work.sha("HEAD")
    );
});

story!(a_renamed_project_is_cloned_and_pushed_to_at_its_old_address, server, {
    let work = work_tree();
    work.git(&["push", "-q", &server.tool(), "main"]);
    let (id, was) = (server.project.id, server.project.full_path.clone());
    let renamed = move |tx: &mut dyn store::Tx| {
        let mut project = store::ops::projects::get(tx, id)?.expect("it is there");
        project.full_path = "ada/hammer".to_owned();
        project.path = "hammer".to_owned();
        store::ops::projects::update(tx, &project)?;
        store::ops::redirect_routes::moved(tx, id, &was, &project.full_path)
    };
    server.app.store.write(renamed).await.unwrap();
    let copy = TempDir::new();
    let into = copy.path().join("copy");
    work.git(&["clone", "-q", &server.tool(), into.to_str().unwrap()]);
    work.commit("more", &[("b", "c")]);
    work.git(&["push", "-q", &server.tool(), "main"]);
    work.git(&["-C", into.to_str().unwrap(), "pull", "-q"]);
    assert_eq!(std::fs::read_to_string(into.join("b")).unwrap(), "c");
});

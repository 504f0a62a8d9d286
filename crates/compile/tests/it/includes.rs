//! `include`: kinds of files, rules, inputs, wildcards, limits, messages (ci-yaml.md 4).

use compile::facts::{Component, FetchedFile, Unfetched};
use compile::{Answer, FileKey, Limits, VariableOrigin};

use crate::support::{World, errors, variable};

const JOB: &str = "a: {script: x}\n";

fn jobs(world: &World, text: &str) -> String {
    let config = world.config(text);
    config
        .definitions()
        .map(|job| job.name.clone())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn local_files_are_merged_in_order_under_the_including_one() {
    let world = World::with(&[
        ("ci/one.yml", "variables: {A: one, B: one, C: one}\none: {script: x}\n"),
        (
            "ci/two.yml",
            "variables: {B: two, C: two}\ntwo: {script: x}\ninclude: ci/three.yml\n",
        ),
        ("ci/three.yml", "variables: {D: three, C: three}\nthree: {script: x}\n"),
    ]);
    let text = "include: [ci/one.yml, {local: /ci/two.yml}]\nvariables: {C: root}\nroot: {script: x}\n";
    assert_eq!(jobs(&world, text), "one three two root");
    let loaded = world.load(text);
    let config = loaded.config.expect("it is valid");
    let values: Vec<String> = config
        .root_variables()
        .iter()
        .map(|v| format!("{}={}", v.variable.key, v.variable.value))
        .collect();
    assert_eq!(values.join(" "), "A=one B=two C=root D=three");
    assert_eq!(loaded.includes.len(), 3);
    assert!(loaded.includes.iter().all(compile::load::Included::is_fixed));
}

#[test]
fn wildcards_take_what_matches_and_skip_what_is_there_already() {
    let world = World::with(&[
        ("ci/a.yml", JOB),
        ("ci/b.yml", "b: {script: x}\n"),
        ("ci/deep/c.yml", "c: {script: x}\n"),
        ("ci/d.txt", "not yaml"),
    ]);
    assert_eq!(jobs(&world, "include: ci/*.yml\n"), "a b");
    assert_eq!(jobs(&world, "include: ci/**/*.yml\n"), "a b c");
    assert_eq!(jobs(&world, "include: [nothing/*.yml]\nz: {script: x}\n"), "z");
}

#[test]
fn other_projects_hosts_templates_and_components_are_asked_for() {
    let mut world = World::default();
    world.file(
        Some("G/Other"),
        Some("v1"),
        "x.yml",
        "include: sibling.yml\nx: {script: x}\n",
    );
    world.file(Some("G/Other"), Some("v1"), "sibling.yml", "sibling: {script: x}\n");
    world.file(Some("g/p"), None, "one.yml", "one: {script: x}\n");
    world.file(Some("g/p"), None, "two.yml", "two: {script: x}\n");
    let url = "https://example.com/r.yml".to_owned();
    let text = |text: &str| {
        Answer::File(FetchedFile {
            text: text.into(),
            project: None,
            sha: None,
            component: None,
        })
    };
    let remote = FileKey::Remote {
        url: url.clone(),
        integrity: None,
        cache_seconds: None,
    };
    world.files.insert(remote, text("remote: {script: x}\n"));
    let cached = FileKey::Remote {
        url,
        integrity: Some("sha256-YWJj".to_owned()),
        cache_seconds: Some(3600),
    };
    world.files.insert(cached, text("cached: {script: x}\n"));
    let address = "ci.example.com/g/components/build@1.2".to_owned();
    let component = FetchedFile {
        text: "spec: {component: [name, version], inputs: {job: {}}}\n---\n\
               $[[ inputs.job ]]: {script: 'echo $[[ component.name ]] $[[ component.version ]]'}\n"
            .into(),
        project: Some("g/components".to_owned()),
        sha: Some("abc".to_owned()),
        component: Some(Component {
            name: "build".to_owned(),
            version: "1.2".to_owned(),
            ..Component::default()
        }),
    };
    world
        .files
        .insert(FileKey::Component { address, public: false }, Answer::File(component));
    for (text, expected) in [
        ("include: {project: G/Other, ref: v1, file: /x.yml}", "sibling x"),
        ("include: {project: g/p, file: [one.yml, two.yml]}", "one two"),
        ("include: https://example.com/r.yml", "remote"),
        (
            "include: {remote: 'https://example.com/r.yml', integrity: sha256-YWJj, cache: true}",
            "cached",
        ),
        (
            "include: [{component: ci.example.com/g/components/build@1.2, inputs: {job: built}}]",
            "built",
        ),
    ] {
        assert_eq!(jobs(&world, text), expected, "{text}");
    }
    let config = world.config("include: [{component: ci.example.com/g/components/build@1.2, inputs: {job: built}}]");
    assert_eq!(
        config.definitions().next().map(|job| job.script.join("")),
        Some("echo build 1.2".to_owned())
    );
}

#[test]
fn inputs_reach_the_header_of_the_included_file_only() {
    let world = World::with(&[(
        "j.yml",
        "spec:
  inputs:
    name:
    count: {type: number, default: 1}
---
$[[ inputs.name ]]:
  script: x
  parallel: $[[ inputs.count ]]
",
    )]);
    let include = |inputs: &str| format!("include: [{{local: j.yml{inputs}}}]\n");
    assert_eq!(
        jobs(&world, &include(", inputs: {name: one, count: 2}")),
        "one 1/2 one 2/2"
    );
    for (inputs, expected) in [
        ("", "`j.yml`: `name` input: required value has not been provided"),
        (
            ", inputs: {name: a, other: b}",
            "`j.yml`: unknown input arguments: other",
        ),
        (", inputs: [a]", "`j.yml`: Given inputs must be a hash"),
        (
            ", inputs: {name: a, count: many}",
            "`j.yml`: `count` input: provided value is not a number",
        ),
    ] {
        assert_eq!(world.errors(&include(inputs)), [expected], "{inputs}");
    }
    let mut world = World::with(&[("j.yml", JOB)]);
    assert_eq!(
        world.errors(&include(", inputs: {a: b}")),
        ["`j.yml`: Given inputs not defined in the `spec` section of the included configuration file"]
    );
    world.inputs = vec![("who".to_owned(), "you".into())];
    assert_eq!(
        jobs(
            &world,
            "spec: {inputs: {who: {}}}\n---\nj-$[[ inputs.who ]]: {script: x}\n"
        ),
        "j-you"
    );
}

#[test]
fn headers_may_share_inputs() {
    let world = World::with(&[
        ("shared.yml", "inputs: {a: {default: shared}}\n"),
        ("bad.yml", "inputs: {}\njob: {script: x}\n"),
    ]);
    assert_eq!(
        jobs(
            &world,
            "spec: {include: [{local: shared.yml}]}\n---\nj-$[[ inputs.a ]]: {script: x}\n"
        ),
        "j-shared"
    );
    assert_eq!(
        world.errors("spec: {include: [{local: shared.yml}], inputs: {a: {}}}\n---\nj: {script: x}\n"),
        [
            "Duplicate input keys found: a. Input keys must be unique across all included files and inline specifications."
        ]
    );
    assert!(
        world.errors("spec: {include: [{local: bad.yml}]}\n---\nj: {script: x}\n")[0]
            .starts_with("Header include file `bad.yml` contains unknown keys")
    );
}

#[test]
fn rules_of_an_include_see_variables_and_files() {
    let mut world = World::with(&[("a.yml", JOB), ("Dockerfile", "")]);
    world.variables = vec![variable(VariableOrigin::Project, "ON", "yes")];
    for (rules, included) in [
        ("[{if: '$ON == \"yes\"'}]", true),
        ("[{if: '$ON == \"no\"'}]", false),
        ("[{if: $ON, when: never}, {when: always}]", false),
        ("[{exists: [Dockerfile]}]", true),
        ("[{exists: [Makefile]}]", false),
        ("[{changes: [a]}]", true),
    ] {
        let text = format!("include: [{{local: a.yml, rules: {rules}}}]\nz: {{script: x}}\n");
        assert_eq!(jobs(&world, &text), if included { "a z" } else { "z" }, "{rules}");
    }
    let loaded = world.load("include: [{local: a.yml, rules: [{if: '$ON && $OFF'}]}]\nz: {script: x}\n");
    assert_eq!(
        (loaded.is_fixed, loaded.looked_at),
        (true, vec!["ON".to_owned(), "OFF".to_owned()])
    );
    let loaded = world.load("include: [{local: a.yml, rules: [{changes: [a]}]}]\n");
    assert!(!loaded.is_fixed, "changed paths are not of the commit alone");
    let text = "include: [{local: a.yml, rules: [{if: $ON, when: manual}]}]\nz: {script: x}\n";
    assert_eq!(world.errors(text), ["include:rule when unknown value: manual"]);
}

#[test]
fn locations_expand_variables_and_hide_secrets() {
    let mut world = World::with(&[("ci/prod.yml", JOB)]);
    let mut secret = variable(VariableOrigin::Project, "SECRET", "hunter2secret");
    secret.masked = true;
    world.variables = vec![variable(VariableOrigin::Project, "WHICH", "prod"), secret];
    assert_eq!(jobs(&world, "include: ci/$WHICH$NONE.yml\n"), "a");
    assert_eq!(
        world.errors("include: ci/$SECRET.yml\n"),
        ["Local file `ci/[MASKED].yml` does not exist!"]
    );
}

#[test]
fn what_cannot_be_included_says_why() {
    let mut world = World::with(&[
        ("empty.yml", " \n"),
        ("comment.yml", "# nothing\n"),
        ("broken.yml", "a: [\n"),
        ("list.yml", "- a\n"),
        ("inner.yml", "include: gone.yml\n"),
        ("remote-inner.yml", JOB),
    ]);
    let project = |name: &str, git_ref: Option<&str>| FileKey::Project {
        project: Some(name.to_owned()),
        git_ref: git_ref.map(str::to_owned),
        path: "x.yml".to_owned(),
        public: false,
    };
    world.files.insert(project("g/secret", None), Answer::Denied);
    world.files.insert(project("g/p", Some("gone")), Answer::NoSuchRef);
    let remote = FileKey::Remote {
        url: "https://e.com/x.yml".to_owned(),
        integrity: None,
        cache_seconds: None,
    };
    let nested = FetchedFile {
        text: "include: a.yml\n".into(),
        project: None,
        sha: None,
        component: None,
    };
    world.files.insert(remote, Answer::File(nested));
    for (include, expected) in [
        ("gone.yml", "Local file `gone.yml` does not exist!"),
        ("/gone.yml", "Local file `gone.yml` does not exist!"),
        ("empty.yml", "Local file `empty.yml` is empty!"),
        (
            "comment.yml",
            "Included file `comment.yml` does not have valid YAML syntax!",
        ),
        ("list.yml", "`list.yml`: Invalid configuration format"),
        ("inner.yml", "Local file `gone.yml` does not exist!"),
        ("a.txt", "Included file `a.txt` does not have YAML extension!"),
        ("{local: [1]}", "Included file `[1]` needs to be a string"),
        (
            "{project: g/secret, file: x.yml}",
            "Project `g/secret` not found or access denied! Make sure any includes in the pipeline configuration are correctly defined.",
        ),
        (
            "{project: g/p, ref: gone, file: x.yml}",
            "Project `g/p` reference `gone` does not exist!",
        ),
        (
            "{project: G/P, file: x.yml}",
            "Project `g/p` file `x.yml` does not exist!",
        ),
        (
            "{remote: ftp.yml}",
            "Remote file `ftp.yml` does not have a valid address!",
        ),
        ("'https://e.com/x.yml'", "Local file `a.yml` does not have project!"),
        ("{template: a.yml}", "Template file `a.yml` is not a valid location!"),
        (
            "{template: None.gitlab-ci.yml}",
            "Included file `None.gitlab-ci.yml` is empty or does not exist!",
        ),
        (
            "{component: elsewhere.com/a/b}",
            "Component 'elsewhere.com/a/b' - the component path is not supported",
        ),
        (
            "{component: ci.example.com/a/b@1}",
            "Component 'ci.example.com/a/b@1' - content not found",
        ),
        (
            "{artifact: a.yml, job: b}",
            "Including configs from artifacts is only allowed when triggering child pipelines",
        ),
        (
            "{local: a.yml, remote: 'https://e.com/a.yml'}",
            "Each include must use only one of: `local`, `project`, `remote`, `template`, `artifact`, `component`",
        ),
        (
            "{foo: a.yml}",
            "`{\"foo\":\"a.yml\"}` does not have a valid subkey for include. Valid subkeys are: `local`, `project`, `remote`, `template`, `artifact`, `component`",
        ),
        ("1", "Each include must be a hash or a string"),
    ] {
        let text = format!("include: [{include}]\n{JOB}");
        assert_eq!(world.errors(&text), [expected], "{include}");
    }
    assert!(world.errors("include: broken.yml\n")[0].starts_with("`broken.yml`: (<unknown>):"));
}

#[test]
fn keys_of_an_include_are_checked_when_none_is_left() {
    let world = World::default();
    assert_eq!(
        world.errors("include: [{local: a.yml, foo: 1, rules: [{when: never}]}]\na: {script: x}\n"),
        ["include:include config contains unknown keys: foo"]
    );
    assert_eq!(
        world.errors("include: [{project: g/p}]\na: {script: x}\n"),
        ["include:include config must specify the file where to fetch the config from"]
    );
}

#[test]
fn circles_and_crowds_end_at_the_limits() {
    let mut world = World::with(&[("a.yml", "include: a.yml\na: {script: x}\n"), ("b.yml", JOB)]);
    assert_eq!(
        world.errors("include: a.yml\n"),
        ["Maximum of 150 nested includes are allowed!"]
    );
    world.limits = Limits {
        includes: 2,
        ..Limits::default()
    };
    assert_eq!(world.errors("include: [b.yml, b.yml]\n"), [""; 0]);
    assert_eq!(
        world.errors("include: [b.yml, b.yml, b.yml]\n"),
        ["Maximum of 2 nested includes are allowed!"]
    );
    world.limits = Limits {
        total_bytes: 20,
        ..Limits::default()
    };
    assert_eq!(
        world.errors("include: [b.yml, b.yml]\n"),
        ["Total size of combined CI/CD configuration is too big"]
    );
}

#[test]
fn an_error_in_an_included_place_shows_both_places() {
    let world = World::with(&[("ci/base.yml", ".base:\n  imgae: ruby\n")]);
    let loaded = world.load("include: ci/base.yml\n\njob:\n  extends: .base\n  script: x\n");
    assert_eq!(errors(&loaded), ["jobs:job config contains unknown keys: imgae"]);
    let found = &loaded.diagnostics[0];
    let places: Vec<String> = found
        .locations
        .iter()
        .map(|at| format!("{}:{}:{}", at.file, at.line, at.column))
        .collect();
    assert_eq!(places, ["ci/base.yml:2:3", ".gitlab-ci.yml:3:1"]);
    let text = compile::render(found, &loaded.sources);
    for part in [
        "error: jobs:job config contains unknown keys: imgae",
        "ci/base.yml:2:3",
        "imgae: ruby",
        ".gitlab-ci.yml:3:1",
        "did you mean `image`?",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

fn remote(url: &str, integrity: Option<&str>) -> FileKey {
    FileKey::Remote {
        url: url.to_owned(),
        integrity: integrity.map(str::to_owned),
        cache_seconds: None,
    }
}

fn file(text: &str) -> Answer {
    Answer::File(FetchedFile {
        text: text.into(),
        project: None,
        sha: None,
        component: None,
    })
}

#[test]
fn an_address_that_gives_no_file_says_why() {
    let mut world = World::default();
    let mut secret = variable(VariableOrigin::Project, "TOKEN", "s3cret");
    secret.masked = true;
    world.variables = vec![secret];
    let text = "include: 'https://e.com/$TOKEN/x.yml'\njob: {script: x}\n";
    for (why, expected) in [
        (
            Unfetched::Status { code: 404, attempts: 1 },
            "Remote file `https://e.com/[MASKED]/x.yml` could not be fetched after 1 attempt because of HTTP code `404` error!",
        ),
        (
            Unfetched::Status { code: 503, attempts: 3 },
            "Remote file `https://e.com/[MASKED]/x.yml` could not be fetched after 3 attempts because of HTTP code `503` error!",
        ),
        (
            Unfetched::Timeout { attempts: 3 },
            "Remote file `https://e.com/[MASKED]/x.yml` could not be fetched after 3 attempts because of a timeout error!",
        ),
        (
            Unfetched::Socket { attempts: 3 },
            "Remote file `https://e.com/[MASKED]/x.yml` could not be fetched after 3 attempts because of a socket error!",
        ),
        (
            Unfetched::Http { attempts: 3 },
            "Remote file `https://e.com/[MASKED]/x.yml` could not be fetched after 3 attempts because of HTTP error!",
        ),
        (
            Unfetched::Reason("URL is blocked: Requests to localhost are not allowed".to_owned()),
            "Remote file could not be fetched because URL is blocked: Requests to localhost are not allowed!",
        ),
        (Unfetched::TooLarge, "The provided YAML is too big"),
        (
            Unfetched::Integrity,
            "Remote file `https://e.com/[MASKED]/x.yml` failed integrity check!",
        ),
    ] {
        world
            .files
            .insert(remote("https://e.com/s3cret/x.yml", None), Answer::Unfetched(why));
        assert_eq!(world.errors(text), [expected]);
    }
    world
        .files
        .insert(remote("https://e.com/s3cret/x.yml", None), file("x: ["));
    let loaded = world.load(text);
    assert!(
        errors(&loaded)[0].starts_with("`https://e.com/[MASKED]/x.yml`: "),
        "{loaded:?}"
    );
    assert_eq!(loaded.includes[0].key, remote("https://e.com/[MASKED]/x.yml", None));
}

#[test]
fn a_file_from_an_address_may_include_what_everybody_may_read_and_nothing_else() {
    let mut world = World::default();
    let url = "https://e.com/x.yml";
    let inner = "include: [{project: g/p, file: a.yml}, {project: g/secret, file: a.yml}]\nx: {script: x}\n";
    world.files.insert(remote(url, None), file(inner));
    // Readable by the pipeline's user is not enough: these are not what is asked for.
    world.file(Some("g/secret"), None, "a.yml", "secret: {script: x}\n");
    world.file(Some("g/p"), None, "a.yml", "wrong: {script: x}\n");
    let public = |project: &str, git_ref: Option<&str>, path: &str| FileKey::Project {
        project: Some(project.to_owned()),
        git_ref: git_ref.map(str::to_owned),
        path: path.to_owned(),
        public: true,
    };
    let mut found = FetchedFile {
        text: "include: b.yml\na: {script: x}\n".into(),
        project: Some("g/p".to_owned()),
        sha: Some("abc".to_owned()),
        component: None,
    };
    world
        .files
        .insert(public("g/p", None, "a.yml"), Answer::File(found.clone()));
    found.text = "b: {script: x}\n".into();
    world
        .files
        .insert(public("g/p", Some("abc"), "b.yml"), Answer::File(found));
    world.files.insert(public("g/secret", None, "a.yml"), Answer::Denied);
    assert_eq!(
        world.errors(&format!("include: '{url}'\n")),
        [
            "Project `g/secret` not found or access denied! Make sure any includes in the pipeline configuration are correctly defined."
        ]
    );
    world
        .files
        .insert(public("g/secret", None, "a.yml"), file("not_secret: {script: x}\n"));
    assert_eq!(jobs(&world, &format!("include: '{url}'\n")), "b a not_secret x");
}

#[test]
fn a_file_with_its_hash_is_as_fixed_as_the_commit() {
    let mut world = World::default();
    let url = "https://e.com/x.yml";
    world.files.insert(remote(url, None), file("x: {script: x}\n"));
    world
        .files
        .insert(remote(url, Some("sha256-YWJj")), file("x: {script: x}\n"));
    let pinned = format!("include: {{remote: '{url}', integrity: sha256-YWJj}}\n");
    assert!(world.load(&pinned).is_fixed);
    assert!(!world.load(&format!("include: '{url}'\n")).is_fixed);
    let failed = Answer::Unfetched(Unfetched::Integrity);
    world.files.insert(remote(url, Some("sha256-YWJj")), failed);
    assert!(!world.load(&pinned).is_fixed, "it may be there the next time");
}

#[test]
fn an_error_in_an_included_file_shows_the_chain_of_includes() {
    let world = World::with(&[
        ("outer.yml", "# first\ninclude: [inner.yml]\n"),
        ("inner.yml", "job:\n  stage: tset\n  script: x\n"),
        ("broken.yml", "a: [b\n"),
        ("absent.yml", "include: nowhere.yml\n"),
    ]);
    for (text, expected) in [
        (
            "\ninclude:\n  - local: outer.yml\n",
            &["inner.yml:2:10", "outer.yml:2:11", ".gitlab-ci.yml:3:5"][..],
        ),
        ("include: broken.yml\n", &["broken.yml:2:1", ".gitlab-ci.yml:1:10"]),
        ("include: absent.yml\n", &["absent.yml:1:10", ".gitlab-ci.yml:1:10"]),
        ("include: nowhere.yml\n", &[".gitlab-ci.yml:1:10"]),
    ] {
        let loaded = world.load(text);
        let places: Vec<String> = loaded.diagnostics[0]
            .locations
            .iter()
            .map(|at| format!("{}:{}:{}", at.file, at.line, at.column))
            .collect();
        assert_eq!(places, expected, "{text}");
        let shown = compile::render(&loaded.diagnostics[0], &loaded.sources);
        for place in expected {
            assert!(shown.contains(place), "{place} is missing in\n{shown}");
        }
    }
}

#[test]
fn an_error_that_a_job_takes_from_elsewhere_shows_the_job_too() {
    let world = World::with(&[(
        "base.yml",
        "\n.base:\n  retry: {max: 9}\n.parts:\n  tools: {image: [none]}\n",
    )]);
    for (text, message, expected) in [
        (
            "include: base.yml\njob:\n  script: x\n  extends: .base\n",
            "retry max must be less than or equal to 2",
            &[("base.yml:3:16", "retry: {max: 9}")][..],
        ),
        (
            "include: base.yml\n\njob:\n  script: x\n  image: !reference [.parts, tools, image]\n",
            "jobs:job:image config should be a hash or a string",
            &[
                ("base.yml:5:18", "tools: {image: [none]}"),
                (".gitlab-ci.yml:3:1", "job:"),
            ],
        ),
        (
            ".own:\n  timeout: soon\njob:\n  script: x\n  extends: .own\n",
            "jobs:job:timeout config should be a duration",
            &[(".gitlab-ci.yml:2:12", "timeout: soon"), (".gitlab-ci.yml:3:1", "job:")],
        ),
    ] {
        let loaded = world.load(text);
        let found = loaded.diagnostics.iter().find(|found| found.message == message);
        let found = found.unwrap_or_else(|| panic!("{message} is not among {:#?}", loaded.diagnostics));
        let shown = compile::render(found, &loaded.sources);
        for (index, (place, excerpt)) in expected.iter().enumerate() {
            let at = &found.locations[index];
            assert_eq!(format!("{}:{}:{}", at.file, at.line, at.column), *place, "{message}");
            assert!(shown.contains(place) || index > 0, "{place} is missing in\n{shown}");
            assert!(shown.contains(excerpt), "{excerpt} is missing in\n{shown}");
        }
    }
}

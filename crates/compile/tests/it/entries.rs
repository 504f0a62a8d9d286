//! Entry validation: one keyword wrong, GitLab's exact messages (ci-yaml.md 3).

use crate::support::World;

/// Part of a job `a` and its messages, without `jobs:a`.
const JOB: &[(&str, &[&str])] = &[
    // What a job is.
    (
        "script: x, foo: 1, bar: 2",
        &[" config contains unknown keys: foo, bar"],
    ),
    ("script: ''", &[" script can't be blank"]),
    ("script: []", &[" script can't be blank"]),
    (
        "script: x, trigger: p",
        &[
            " config these keys cannot be used together: script, trigger",
            " config contains unknown keys: trigger",
        ],
    ),
    (
        "run: [{name: s, script: x}], before_script: x",
        &[" config these keys cannot be used together: run, before_script"],
    ),
    (
        "run: [{script: x}]",
        &[" run object at `/0` is missing required properties: name"],
    ),
    (
        "run: [{name: s, script: x, x: 1}]",
        &[" run object property at `/0/x` is a disallowed additional property"],
    ),
    ("run: no", &[" run value at root is not an array"]),
    // Scripts.
    (
        "script: {a: b}",
        &[":script config should be a string or a nested array of strings up to 10 levels deep"],
    ),
    (
        "script: x, before_script: [1]",
        &[":before_script config should be a string or a nested array of strings up to 10 levels deep"],
    ),
    (
        "script: x, hooks: {post: x}",
        &[":hooks config contains unknown keys: post"],
    ),
    (
        "script: x, hooks: x",
        &[":hooks config should be a hash", ":hooks config should be a hash"],
    ),
    // When.
    (
        "script: x, when: never",
        &[" when should be one of: on_success, on_failure, always, manual, delayed"],
    ),
    (
        "script: x, when: 1",
        &[
            " when should be a string",
            " when should be one of: on_success, on_failure, always, manual, delayed",
        ],
    ),
    (
        "script: x, when: delayed",
        &[
            " start in should be a duration",
            " start in should not exceed the limit",
        ],
    ),
    (
        "script: x, when: delayed, start_in: 8 days",
        &[" start in should not exceed the limit"],
    ),
    ("script: x, start_in: 1 day", &[" start in must be blank"]),
    (
        "script: x, when: delayed, start_in: 1 day, rules: [{when: always}]",
        &[
            " config key may not be used with `rules`: start_in",
            " start in must be blank",
        ],
    ),
    // Small ones.
    ("script: x, stage: [a]", &[":stage config should be a string"]),
    ("script: x, extends: {a: b}", &[]),
    ("script: x, tags: a", &[":tags config should be an array of strings"]),
    (
        "script: x, timeout: 60",
        &[
            ":timeout config should be a duration",
            ":timeout config should not exceed the limit",
        ],
    ),
    (
        "script: x, timeout: 2 months",
        &[":timeout config should not exceed the limit"],
    ),
    (
        "script: x, coverage: a",
        &[":coverage config must be a regular expression with re2 syntax"],
    ),
    (
        "script: x, coverage: '/(?=a)/'",
        &[":coverage config must be a regular expression with re2 syntax"],
    ),
    (
        "script: x, interruptible: maybe",
        &[":interruptible config should be a boolean value"],
    ),
    (
        "script: x, allow_failure: maybe",
        &[" allow failure should be a hash or a boolean value"],
    ),
    (
        "script: x, allow_failure: {exit_codes: a}",
        &[":allow_failure exit codes should be an array of integers or an integer"],
    ),
    ("script: x, resource_group: 1", &[" resource group should be a string"]),
    (
        "script: x, dependencies: a",
        &[" dependencies should be an array of strings"],
    ),
    (
        "script: x, manual_confirmation: [a]",
        &[" manual confirmation should be a string"],
    ),
    (
        "script: x, publish: dist",
        &[" publish can only be used within a `pages` job"],
    ),
    (
        "script: x, pages: x",
        &[":pages config should be a hash or a boolean value"],
    ),
    (
        "script: x, pages: {expire_in: soon}",
        &[":pages expire in should be a duration"],
    ),
    ("script: x, pages: {expire_in: $SOON}", &[]),
    (
        "script: x, id_tokens: {T: {}}",
        &[
            ":id_tokens:t config missing required keys: aud",
            ":id_tokens:t aud should be an array of strings or a string",
        ],
    ),
    (
        "script: x, inputs: {i: {type: string}}",
        &[":inputs:i must have a default value"],
    ),
    (
        "script: x, inputs: {i: {default: q, options: [a]}}",
        &[" inputs `i`: `q` cannot be used because it is not in the list of allowed options"],
    ),
    // Image and services.
    (
        "script: x, image: 1",
        &[
            ":image config should be a hash or a string",
            ":image name should be a string",
            ":image name can't be blank",
        ],
    ),
    (
        "script: x, image: {entrypoint: x, name: r}",
        &[":image entrypoint should be an array of strings"],
    ),
    (
        "script: x, image: {name: r, ports: [80]}",
        &[":image config contains disallowed keys: ports"],
    ),
    (
        "script: x, image: {name: r, pull_policy: no-way}",
        &[":image:pull_policy config is not included in the list"],
    ),
    (
        "script: x, image: {name: r, pull_policy: [no-way]}",
        &[":image:pull_policy config contains unknown values: no-way"],
    ),
    (
        "script: x, image: {name: r, docker: {x: 1}}",
        &[":image executor opts object property at `/docker/x` is a disallowed additional property"],
    ),
    (
        "script: x, services: postgres",
        &[":services config should be an array"],
    ),
    (
        "script: x, services: [{name: p, alias: 1}]",
        &[":services:service alias should be a string"],
    ),
    (
        "script: x, services: [{name: p, variables: {A: {value: b}}}]",
        &[":services:service:variables:a config must be a string"],
    ),
    // Artifacts.
    (
        "script: x, artifacts: [a]",
        &[
            ":artifacts config should be a hash",
            ":artifacts config should be a hash",
        ],
    ),
    (
        "script: x, artifacts: {paths: a}",
        &[":artifacts paths should be an array of strings"],
    ),
    (
        "script: x, artifacts: {expose_as: a}",
        &[":artifacts paths can't be blank"],
    ),
    (
        "script: x, artifacts: {expose_as: a!, paths: ['a*']}",
        &[
            ":artifacts paths can't contain '*' when used with 'expose_as'",
            ":artifacts expose as can contain only letters, digits, '-', '_' and spaces",
        ],
    ),
    (
        "script: x, artifacts: {access: none, public: true}",
        &[":artifacts config these keys cannot be used together: access, public"],
    ),
    (
        "script: x, artifacts: {when: sometimes}",
        &[":artifacts when should be one of: on_success, on_failure, always"],
    ),
    (
        "script: x, artifacts: {access: me}",
        &[":artifacts access should be one of: none, developer, maintainer, all"],
    ),
    (
        "script: x, artifacts: {expire_in: later}",
        &[":artifacts expire in should be a duration"],
    ),
    ("script: x, artifacts: {expire_in: never}", &[]),
    (
        "script: x, artifacts: {reports: {foo: a}}",
        &[":artifacts:reports config contains unknown keys: foo"],
    ),
    (
        "script: x, artifacts: {reports: {junit: {a: b}}}",
        &[":artifacts:reports junit should be an array of strings or a string"],
    ),
    (
        "script: x, artifacts: {reports: {coverage_report: {coverage_format: x, path: p}}}",
        &[":artifacts:reports:coverage_report coverage format must be one of supported formats: cobertura, jacoco."],
    ),
    // Cache.
    (
        "script: x, cache: a",
        &[":caches config can only be a hash or an array"],
    ),
    (
        "script: x, cache: [{}, {}, {}, {}, {}]",
        &[":caches config no more than 4 caches can be created"],
    ),
    (
        "script: x, cache: {key: 1}",
        &[":cache:key should be a hash, a string or a symbol"],
    ),
    (
        "script: x, cache: {key: a%2Fb}",
        &[":cache:key config cannot contain the \"/\" character"],
    ),
    (
        "script: x, cache: {key: {files: [a, b, c]}}",
        &[":cache:key:files config has too many items (maximum is 2)"],
    ),
    (
        "script: x, cache: {key: {files: [a], files_commits: [b]}}",
        &[":cache:key config must use exactly one of these keys: files, files_commits"],
    ),
    (
        "script: x, cache: {policy: take}",
        &[":cache policy should be a variable or one of: pull-push, push, pull"],
    ),
    ("script: x, cache: {policy: $P}", &[]),
    (
        "script: x, cache: {fallback_keys: [a, b, c, d, e, f]}",
        &[":cache fallback keys has to many entries (maximum 5)"],
    ),
    (
        "script: x, cache: {paths: a}",
        &[":cache:paths config should be an array of strings"],
    ),
    // Environment.
    (
        "script: x, environment: [a]",
        &[
            ":environment config should be a hash or a string",
            ":environment name can't be blank",
            ":environment name can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'",
            ":environment name can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'",
        ],
    ),
    (
        "script: x, environment: /a",
        &[
            ":environment name can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'",
        ],
    ),
    (
        "script: x, environment: {name: p, action: fly}",
        &[":environment action should be start, stop, prepare, verify, or access"],
    ),
    (
        "script: x, environment: {name: p, kubernetes: {flux_resource_path: f}}",
        &[
            ":environment:kubernetes namespace can't be blank",
            ":environment:kubernetes agent can't be blank",
        ],
    ),
    // Release.
    (
        "script: x, release: {tag_name: v}",
        &[
            ":release description should be a string",
            ":release description can't be blank",
        ],
    ),
    (
        "script: x, release: {tag_name: v, description: d, released_at: noon}",
        &[":release released at must be a valid datetime"],
    ),
    (
        "script: x, release: {tag_name: v, description: d, ref: 'a b'}",
        &[":release ref must be a valid ref"],
    ),
    (
        "script: x, release: {tag_name: v, description: d, assets: {links: []}}",
        &[":release:assets links can't be blank"],
    ),
    // Parallel.
    (
        "script: x, parallel: 0",
        &[":parallel config must be greater than or equal to 1"],
    ),
    (
        "script: x, parallel: 201",
        &[":parallel config must be less than or equal to 200"],
    ),
    ("script: x, parallel: 1.5", &[":parallel config must be an integer"]),
    (
        "script: x, parallel: many",
        &[":parallel should be an integer or a hash"],
    ),
    (
        "script: x, parallel: {matrix: [{}]}",
        &[":parallel:matrix:variables config requires at least 1 items"],
    ),
    (
        "script: x, parallel: {matrix: [{A: [1.5]}]}",
        &[":parallel:matrix:variables config should be a hash of key value pairs, value can be an array"],
    ),
    // Needs.
    ("script: x, needs: b", &[":needs config can only be a hash or an array"]),
    ("script: x, needs: {}", &[":needs config can not be an empty hash"]),
    ("script: x, needs: [1]", &[":needs:need has an unsupported type"]),
    (
        "script: x, needs: [{job: b, foo: 1}]",
        &[":needs:need config contains unknown keys: foo"],
    ),
    (
        "script: x, needs: [{job: b, parallel: 2}]",
        &[":needs config cannot use \"parallel: <number>\"."],
    ),
    (
        "script: x, needs: [{pipeline: g/p}]",
        &[":needs config uses invalid types: bridge"],
    ),
    (
        "script: x, needs: [{pipeline: 1, job: b}]",
        &[":needs:need pipeline should be a string"],
    ),
    ("script: x, needs: [{project: g/p, ref: main, job: b}]", &[]),
    // Rules.
    ("script: x, rules: []", &[":rules config can't be blank"]),
    (
        "script: x, rules: a",
        &[" rules should be an array containing hashes and arrays of hashes"],
    ),
    ("script: x, rules: [{}]", &[":rules:rule config can't be blank"]),
    (
        "script: x, rules: [{if: 'A ='}]",
        &[":rules:rule if invalid expression syntax"],
    ),
    (
        "script: x, rules: [{when: sometimes}]",
        &[":rules:rule when unknown value: sometimes"],
    ),
    (
        "script: x, rules: [{when: delayed}]",
        &[
            ":rules:rule start in can't be blank",
            ":rules:rule start in should be a duration",
            ":rules:rule start in should not exceed the limit",
        ],
    ),
    (
        "script: x, rules: [{changes: a}]",
        &[":rules:rule:changes should be an array or a hash"],
    ),
    (
        "script: x, rules: [{changes: {paths: [a], compare_to: 1}}]",
        &[":rules:rule:changes compare to should be a string"],
    ),
    (
        "script: x, rules: [{exists: {paths: [a], ref: b}}]",
        &[":rules:rule:exists config missing required keys: project"],
    ),
    (
        "script: x, rules: [{exists: 1}]",
        &[":rules:rule:exists should be a string, an array of strings, or a hash"],
    ),
    (
        "script: x, rules: [{variables: {A: {value: b}}}]",
        &[":rules:rule:variables:a config must be a string"],
    ),
    (
        "script: x, rules: [{needs: [{pipeline: '1', job: b}]}]",
        &[":rules:rule:needs config uses invalid types: cross_dependency"],
    ),
    (
        "script: x, rules: [{allow_failure: {exit_codes: 1}}]",
        &[":rules:rule allow failure should be a boolean value"],
    ),
    (
        "script: x, rules: [{when: always}], only: [main]",
        &[" config key may not be used with `rules`: only"],
    ),
    // only, except.
    (
        "script: x, only: a",
        &[":only has to be either an array of conditions or a hash"],
    ),
    ("script: x, only: {}", &[":only config can't be blank"]),
    (
        "script: x, only: {kubernetes: asleep}",
        &[":only kubernetes unknown value: asleep"],
    ),
    (
        "script: x, except: ['/(/']",
        &[":except config should be an array of strings or regular expressions using re2 syntax"],
    ),
    (
        "script: x, only: {variables: ['A =']}",
        &[":only variables invalid expression syntax"],
    ),
    // Variables, inherit.
    ("script: x, variables: [A]", &[":variables config should be a hash"]),
    (
        "script: x, variables: {A: [b]}",
        &["variable definition must be either a string or a hash"],
    ),
    (
        "script: x, variables: {A: {value: b, description: c}}",
        &[":variables:a config uses invalid data keys: description"],
    ),
    (
        "script: x, inherit: {default: [foo]}",
        &[":inherit:default config contains unknown values: foo"],
    ),
    (
        "script: x, inherit: {variables: 1}",
        &[":inherit:variables should be a bool or array of strings"],
    ),
    // Retry has a location of its own.
    ("script: x, retry: 3", &["retry config must be less than or equal to 2"]),
    (
        "script: x, retry: x",
        &["retry config has to be either an integer or a hash"],
    ),
    (
        "script: x, retry: {when: foo}",
        &["retry when is not included in the list"],
    ),
    // Bridges.
    (
        "trigger: p, tags: [a]",
        &[
            " config contains unknown keys: tags",
            " config should contain either a trigger or a needs:pipeline",
        ],
    ),
    ("trigger: [p]", &[":trigger has to be either a string or a hash"]),
    (
        "trigger: {project: p, strategy: wait}",
        &[":trigger strategy should be depend or mirror"],
    ),
    (
        "trigger: {include: a.yml, inputs: {a: b}}",
        &[":trigger config contains unknown keys: inputs"],
    ),
    (
        "trigger: {include: [a.yml, b.yml, c.yml, d.yml]}",
        &[":trigger:include config is too long (maximum is 3)"],
    ),
    (
        "trigger: {include: [{artifact: a.yml}]}",
        &[":trigger:include:include config must specify the job where to fetch the artifact from"],
    ),
    (
        "trigger: p, parallel: 2",
        &[":parallel config cannot use \"parallel: <number>\"."],
    ),
    (
        "needs: [b]",
        &[" config should contain either a trigger or a needs:pipeline"],
    ),
    ("needs: {pipeline: g/p}", &[]),
];

#[test]
fn each_keyword_of_a_job_gives_gitlab_s_messages() {
    for (job, expected) in JOB {
        if job.contains("extends") {
            continue;
        }
        let found = World::default().errors(&format!("a: {{{job}}}\nb: {{script: x}}\n"));
        let expected: Vec<String> = expected
            .iter()
            .map(|text| match text.strip_prefix([' ', ':']) {
                Some(_) => format!("jobs:a{text}"),
                None => (*text).to_owned(),
            })
            .collect();
        assert_eq!(found, expected, "{job}");
    }
}

#[test]
fn the_root_is_checked_too() {
    for (text, expected) in [
        ("", &["Please provide content of .gitlab-ci.yml"][..]),
        ("# nothing", &["jobs config should contain at least one visible job"]),
        ("- a", &["Invalid configuration format"]),
        (
            "a: x",
            &[
                "jobs a config should implement the script:, run:, or trigger: keyword",
                "jobs config should contain at least one visible job",
            ],
        ),
        (
            "my job: {}",
            &[
                "jobs my_job config should implement the script:, run:, or trigger: keyword",
                "jobs config should contain at least one visible job",
            ],
        ),
        (".a: {}\nb: {script: x}", &["jobs:.a config can't be blank"]),
        ("123: {script: x}", &["jobs:123 name should be a symbol"]),
        ("'': {script: x}", &["jobs:job name can't be blank"]),
        (
            "default: {foo: 1}\na: {script: x}",
            &["default config contains unknown keys: foo"],
        ),
        (
            "default: {extends: .d}\n.d: {image: r}\na: {script: x}",
            &["default config contains unknown keys: extends"],
        ),
        (
            "image: r\ndefault: {image: r}\na: {script: x}",
            &["image is defined in top-level and `default:` entry"],
        ),
        // Once for itself, once for `default`, once per job that takes it.
        (
            "services: x\na: {script: x}\nb: {script: x, services: []}",
            &["services config should be an array"; 3],
        ),
        (
            "default: {tags: x}\na: {script: x}",
            &["default:tags config should be an array of strings"; 2],
        ),
        (
            "stages: a\na: {script: x}",
            &["stages config should be an array of strings or a nested array of strings up to 10 levels deep"],
        ),
        (
            "stages: []\na: {script: x}",
            &["a job: chosen stage test does not exist; available stages are "],
        ),
        (
            "variables: {A: {value: b, options: [c]}}\na: {script: x}",
            &["variables:a config value must be present in options"],
        ),
        ("workflow: x\na: {script: x}", &["workflow config should be a hash"; 2]),
        (
            "workflow: {rules: [{when: manual}]}\na: {script: x}",
            &["workflow:rules:rule when unknown value: manual"],
        ),
        (
            "workflow: {auto_cancel: {on_new_commit: later}}\na: {script: x}",
            &["workflow:auto_cancel on new commit must be one of: conservative, interruptible, none"],
        ),
    ] {
        assert_eq!(World::default().errors(text), expected, "{text}");
    }
}

#[test]
fn default_and_workflow_are_jobs_when_they_look_like_jobs() {
    let config = World::default().config("default: {script: x}\nworkflow: {trigger: g/p}\n");
    let names: Vec<&str> = config.definitions().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["default", "workflow"]);
}

#[test]
fn a_key_of_a_paid_tier_is_a_warning_that_names_it() {
    let loaded = World::default().load("a: {script: x, secrets: {T: {vault: a/b/c}}}\n");
    assert_eq!(loaded.diagnostics.len(), 1);
    assert!(
        loaded.diagnostics[0].message.contains("`secrets`"),
        "{:?}",
        loaded.diagnostics
    );
    let config = loaded.config.expect("a warning stops nothing");
    assert_eq!(
        config.definitions().next().map(|job| job.secrets.clone()),
        Some(vec!["T".to_owned()])
    );
}

#[test]
fn a_near_miss_gets_a_hint_and_a_place() {
    let loaded = World::default().load("a:\n  script: x\n  imgae: ruby\n");
    let found = &loaded.diagnostics[0];
    assert_eq!(found.hint.as_deref(), Some("did you mean `image`?"));
    assert_eq!((found.locations[0].line, found.locations[0].column), (3, 3));
}

//! What people get wrong, and what they are told: GitLab's text, the place, and what was meant.

use crate::support::World;

#[test]
fn a_typical_mistake_is_named_with_its_place_and_what_was_meant() {
    const SYNTAX: &str = "jobs:a:rules:rule if invalid expression syntax";
    for (text, message, place, hint) in [
        (
            "build:\n  scirpt: x\n",
            "jobs build config should implement the script:, run:, or trigger: keyword",
            (1, 1),
            "it has `scirpt`: did you mean `script`?",
        ),
        (
            "a:\n  script: x\n  imgae: r\n",
            "jobs:a config contains unknown keys: imgae",
            (3, 3),
            "did you mean `image`?",
        ),
        (
            "a:\n  stage: test\n   script: x\n",
            "(<unknown>): mapping values are not allowed in this context at line 3 column 10",
            (3, 10),
            "",
        ),
        (
            "a:\n\tscript: x\n",
            "(<unknown>): found character that cannot start any token while scanning for the next token at line 2 column 1",
            (2, 1),
            "this line is indented with a tab: YAML takes spaces only",
        ),
        (
            "a:\n  script: x\n  script: y\n",
            "the key `script` is written twice in one mapping: the last one counts",
            (2, 3),
            "",
        ),
        (
            "stages: [build, tests]\na:\n  stage: test\n  script: x\n",
            "a job: chosen stage test does not exist; available stages are .pre, build, tests, .post",
            (3, 10),
            "did you mean `tests`?",
        ),
        (
            "a:\n  script: x\n  needs: [b]\nbb:\n  script: x\n",
            "a job: undefined need: b",
            (3, 11),
            "did you mean `bb`?",
        ),
        (
            ".a:\n  extends: .b\n.b:\n  extends: .a\nc:\n  extends: .a\n  script: x\n",
            ".a: circular dependency detected in `extends`",
            (2, 3),
            "",
        ),
        (
            "a:\n  extends: .bsae\n  script: x\n.base: {image: r}\n",
            "a: unknown keys in `extends` (.bsae)",
            (2, 12),
            "did you mean `.base`?",
        ),
        (
            "include:\n  - local: ci/missing.yml\na: {script: x}\n",
            "Local file `ci/missing.yml` does not exist!",
            (2, 5),
            "",
        ),
        (
            "a:\n  script:\n    run: x\n",
            "jobs:a:script config should be a string or a nested array of strings up to 10 levels deep",
            (3, 5),
            "",
        ),
        (
            "a:\n  script: x\n  only: [main]\n  rules:\n    - if: $A\n",
            "jobs:a config key may not be used with `rules`: only",
            (3, 3),
            "",
        ),
        (
            "a: {script: x}\ntrue:\n  script: x\n",
            "jobs:true name should be a symbol",
            (2, 1),
            "",
        ),
        (
            "a:\n  <<: *defaults\n  script: x\n",
            "An alias referenced an unknown anchor: defaults",
            (2, 7),
            "",
        ),
        (
            "a:\n  script: x\n  rules:\n    - if: $A =~ /a(/\n",
            SYNTAX,
            (4, 11),
            "Invalid regular expression",
        ),
        (
            "a:\n  script: x\n  rules:\n    - if: '$A == \"x'\n",
            SYNTAX,
            (4, 11),
            "Unknown lexeme found; a quotation mark is not closed",
        ),
        (
            "a:\n  script: x\n  rules:\n    - if: $A =~ true\n",
            SYNTAX,
            (4, 11),
            "the right side of `=~` and `!~` must be a pattern or a text",
        ),
        (
            "a:\n  script: x\n  when: maunal\n",
            "jobs:a when should be one of: on_success, on_failure, always, manual, delayed",
            (3, 9),
            "did you mean `manual`?",
        ),
        (
            "spec:\n  inputs:\n    n:\n      type: number\n      default: abc\n---\na: {script: x}\n",
            "`n` input: default value is not a number",
            (3, 5),
            "",
        ),
    ] {
        let loaded = World::default().load(text);
        let found = &loaded.diagnostics[0];
        let at = &found.locations[0];
        assert_eq!(
            (
                found.message.as_str(),
                (at.line, at.column),
                found.hint.as_deref().unwrap_or_default()
            ),
            (message, place, hint),
            "{text}"
        );
        let shown = compile::render(found, &loaded.sources);
        let excerpt = text.lines().nth(place.0 as usize - 1).unwrap_or_default();
        let place = format!(".gitlab-ci.yml:{}:{}", place.0, place.1);
        assert!(
            shown.contains(&place) && shown.contains(excerpt.trim()) && shown.contains(hint),
            "{shown}"
        );
    }
}

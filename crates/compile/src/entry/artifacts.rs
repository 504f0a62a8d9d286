//! `artifacts` and `artifacts:reports`.

use model::definition::{Artifacts, Report};

use crate::yaml::Node;

use super::checks::{Checked, Checks, is_array_of_strings, text_of, texts};

const KEYS: [&str; 10] = [
    "name",
    "untracked",
    "paths",
    "reports",
    "when",
    "expire_in",
    "expose_as",
    "exclude",
    "public",
    "access",
];
const WHEN: [&str; 3] = ["on_success", "on_failure", "always"];
const ACCESS: [&str; 4] = ["none", "developer", "maintainer", "all"];
const REPORTS: [&str; 25] = [
    "junit",
    "api_fuzzing",
    "coverage_fuzzing",
    "sast",
    "secret_detection",
    "dependency_scanning",
    "container_scanning",
    "cluster_image_scanning",
    "dast",
    "performance",
    "browser_performance",
    "load_performance",
    "license_scanning",
    "metrics",
    "lsif",
    "dotenv",
    "terraform",
    "accessibility",
    "requirements",
    "requirements_v2",
    "cyclonedx",
    "annotations",
    "repository_xray",
    "sarif",
    "codequality",
];

/// `artifacts` with its reports.
pub(crate) fn artifacts(node: &Node, at: &str) -> Checked<(Artifacts, Vec<Report>)> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.hash();
    checks.allowed_keys(&KEYS);
    own_checks(&mut checks, node);
    let mut reports = Vec::new();
    if checks.ok()
        && let Some(written) = node.get_some("reports")
    {
        reports = self::reports(written, &format!("{at}:reports"))
            .take(&mut checks.found)
            .unwrap_or_default();
    }
    let value = checks.ok().then(|| (read(node), reports));
    checks.done(value)
}

fn own_checks(checks: &mut Checks<'_>, node: &Node) {
    let exposed = node.get_some("expose_as");
    if exposed.is_some() && node.get("paths").is_none_or(Node::is_blank) {
        checks.fail("paths", "can't be blank", node.get("paths").unwrap_or(node).span);
    }
    checks.exclusive_keys(&["access", "public"]);
    if let Some(name) = node.get_some("name") {
        checks.string("name", name);
    }
    for key in ["public", "untracked"] {
        if let Some(value) = node.get_some(key) {
            checks.boolean(key, value);
        }
    }
    if let Some(paths) = node.get_some("paths") {
        checks.strings("paths", paths);
        if exposed.is_some() {
            checks.strings("paths", paths);
            if is_array_of_strings(paths) && texts(paths).iter().any(|path| path.contains('*')) {
                checks.fail("paths", "can't contain '*' when used with 'expose_as'", paths.span);
            }
        }
    }
    if let Some(exposed) = exposed {
        checks.string("expose as", exposed);
        checks.longest("expose as", exposed, 100);
        if !is_exposable(&exposed.to_text()) {
            checks.fail(
                "expose as",
                "can contain only letters, digits, '-', '_' and spaces",
                exposed.span,
            );
        }
    }
    if let Some(exclude) = node.get_some("exclude") {
        checks.strings("exclude", exclude);
    }
    if let Some(reports) = node.get_some("reports")
        && !reports.is_mapping()
    {
        checks.fail("reports", "should be a hash", reports.span);
    }
    if let Some(when) = node.get_some("when") {
        checks.word("when", when, &WHEN, "should be one of: on_success, on_failure, always");
    }
    if let Some(expiry) = node.get_some("expire_in") {
        checks.expiry("expire in", expiry);
    }
    if let Some(access) = node.get_some("access") {
        checks.word(
            "access",
            access,
            &ACCESS,
            "should be one of: none, developer, maintainer, all",
        );
    }
}

/// `\A\w[-\w ]*\z`
fn is_exposable(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut chars = text.chars();
    chars.next().is_some_and(word) && chars.all(|c| word(c) || c == '-' || c == ' ')
}

fn read(node: &Node) -> Artifacts {
    let public = match node.get_some("public").and_then(Node::as_bool) {
        Some(true) => Some("all".to_owned()),
        Some(false) => Some("developer".to_owned()),
        None => None,
    };
    Artifacts {
        name: text_of(node, "name"),
        paths: node.get_some("paths").map(texts).unwrap_or_default(),
        exclude: node.get_some("exclude").map(texts).unwrap_or_default(),
        untracked: node.get_some("untracked").and_then(Node::as_bool).unwrap_or(false),
        when: text_of(node, "when").and_then(|when| when.parse().ok()),
        expire_in: text_of(node, "expire_in"),
        expose_as: text_of(node, "expose_as"),
        access: text_of(node, "access").or(public),
    }
}

fn reports(node: &Node, at: &str) -> Checked<Vec<Report>> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.hash();
    let allowed: Vec<&str> = REPORTS.iter().copied().chain(["coverage_report"]).collect();
    checks.allowed_keys(&allowed);
    for key in REPORTS.iter().filter(|key| **key != "codequality") {
        if let Some(paths) = node.get_some(key) {
            // GitLab checks `sast` twice, and so says it twice.
            for _ in 0..if *key == "sast" { 2 } else { 1 } {
                checks.strings_or_string(&key.replace('_', " "), paths);
            }
        }
    }
    let mut list = Vec::new();
    if checks.ok() {
        if let Some(coverage) = node.get_some("coverage_report") {
            coverage_report(coverage, &format!("{at}:coverage_report")).take(&mut checks.found);
        }
        list = read_reports(node);
    }
    checks.done(Some(list))
}

fn coverage_report(node: &Node, at: &str) -> Checked<()> {
    const FORMATS: [&str; 2] = ["cobertura", "jacoco"];
    const UNSUPPORTED: &str = "must be one of supported formats: cobertura, jacoco.";
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.allowed_keys(&["coverage_format", "path"]);
    let format = node.get("coverage_format");
    let (format_span, path_span) = (format.unwrap_or(node).span, node.get("path").unwrap_or(node).span);
    if format.is_none_or(Node::is_blank) {
        checks.fail("coverage format", "can't be blank", format_span);
    }
    match format {
        Some(format) => checks.included("coverage format", format, &FORMATS, UNSUPPORTED),
        None => checks.fail("coverage format", UNSUPPORTED, format_span),
    }
    let path = node.get_some("path");
    if path.is_none_or(Node::is_blank) {
        checks.fail("path", "can't be blank", path_span);
    }
    if !path.is_some_and(Node::is_string) {
        checks.fail("path", "should be a string", path_span);
    }
    checks.done(Some(()))
}

fn read_reports(node: &Node) -> Vec<Report> {
    let Some(mapping) = node.as_mapping() else {
        return Vec::new();
    };
    let written = mapping.iter().filter(|(_, entry)| !entry.value.is_null());
    written
        .map(|(key, entry)| match entry.value.is_mapping() {
            true if key.as_text() == Some("coverage_report") => Report {
                kind: text_of(&entry.value, "coverage_format").unwrap_or_default(),
                paths: text_of(&entry.value, "path").into_iter().collect(),
            },
            _ => Report {
                kind: key.to_string(),
                paths: texts(&entry.value),
            },
        })
        .collect()
}

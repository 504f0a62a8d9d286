//! Who may do what: `docs/permissions.md`, row by row, as each role and with each kind of token.
//!
//! The expectations are those of GitLab and stand in the document; nothing here is taken from what the
//! server answers. A route that has no row fails [`every_route_has_a_row`].

pub(crate) mod browsing;
mod foreign;
mod others;
pub(crate) mod requests;
mod secrets;
pub(crate) mod table;
pub(crate) mod world;

use std::collections::BTreeSet;

use table::{Least, ROLES, Row};
use world::{Credential, Place, VISIBILITIES, World, token_of};

/// Somebody who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Stranger,
    Member(usize),
    Admin,
    Blocked,
}

impl Who {
    const ALL: [Who; 10] = [
        Who::Nobody,
        Who::Blocked,
        Who::Stranger,
        Who::Member(0),
        Who::Member(1),
        Who::Member(2),
        Who::Member(3),
        Who::Member(4),
        Who::Member(5),
        Who::Admin,
    ];

    /// Those whose rights depend on who may see a project.
    const OUTSIDE: [Who; 3] = [Who::Nobody, Who::Stranger, Who::Member(0)];

    fn name(self) -> String {
        match self {
            Who::Nobody => "nobody".to_owned(),
            Who::Stranger => "stranger".to_owned(),
            Who::Member(role) => ROLES[role].to_lowercase(),
            Who::Admin => "admin".to_owned(),
            Who::Blocked => "blocked".to_owned(),
        }
    }

    fn credential(self) -> Credential {
        match self {
            Who::Nobody => Credential::nobody(),
            who => Credential::token(who.name(), &token_of(&who.name())),
        }
    }

    fn reaches(self, least: Least) -> bool {
        match (self, least) {
            (_, Least::Anyone) => true,
            (Who::Blocked, _) | (Who::Admin, Least::OnlyOwn | Least::Job) => false,
            (Who::Admin, _) | (_, Least::Everyone) => true,
            (Who::Nobody, _) => false,
            (_, Least::Users) => true,
            (Who::Member(role), Least::Role(least)) => role >= least,
            // Everything of the kind that has an owner is `owner`'s.
            (Who::Member(role), Least::OwnInProject | Least::OnlyOwn) => role == ROLES.len() - 1,
            _ => false,
        }
    }
}

/// The answer that the tables promise for a project or a group.
fn promised(row: &Row, column: &str, who: Who, least: Least) -> u16 {
    if who == Who::Blocked {
        return 403;
    }
    if who.reaches(least) {
        return row.answer();
    }
    match (who, column) {
        (Who::Nobody, "Public") => 401,
        (Who::Nobody, _) => row.number("Anonymous"),
        (Who::Stranger, "Private") => 404,
        _ => row.refusal(column),
    }
}

/// Collects what is not as promised, to show all of it at once.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn note(&mut self, row: &Row, who: &str, where_: &str, promised: u16, answered: u16) {
        let may_be = promised == row.answer() && row.answers().contains(&answered);
        if promised != answered && !may_be {
            let endpoint = &row.endpoint;
            self.0.push(format!(
                "{endpoint} by {who}, {where_}: promised {promised}, answered {answered}"
            ));
        }
    }

    #[track_caller]
    fn expect_none(self) {
        assert!(
            self.0.is_empty(),
            "{} calls differ from docs/permissions.md:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

impl World {
    /// Makes the call of a row; returns the status.
    async fn call(&self, row: &Row, place: &Place, who: &Credential, fresh: bool) -> u16 {
        let request = self.request(row, place, fresh).await;
        let body = (!request.body.is_null()).then(|| ("application/json", request.body.to_string().into_bytes()));
        self.status(who, row.method(), &request.path, body).await
    }
}

pub(crate) fn rows_of(section: &str) -> Vec<Row> {
    let rows: Vec<Row> = table::read().into_iter().filter(|row| row.section == section).collect();
    assert!(!rows.is_empty(), "docs/permissions.md has no table under `{section}`");
    rows
}

#[test]
fn every_route_has_a_row() {
    let rows = table::read();
    let (mut known, mut missing) = (BTreeSet::new(), Vec::new());
    for row in &rows {
        assert!(
            known.insert(row.endpoint.clone()),
            "`{}` has two rows in docs/permissions.md",
            row.endpoint
        );
    }
    for endpoint in web::routes::endpoints() {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        let (section, cells) = match endpoint.path.as_str() {
            path if path.starts_with("/api/v4/projects/{id}") => (
                "Projects",
                "STATUS | Maintainer | Maintainer | Maintainer | 401 | - | -",
            ),
            path if path.starts_with("/api/v4/groups/{") => ("Groups", "STATUS | Owner | Owner | Owner | 401 | - | -"),
            path if path.starts_with("/api/") => ("The server", "STATUS | users | - | read_api | -"),
            path if path.starts_with("/groups/{group}") => ("Pages of a group", "STATUS | Owner | Owner | Owner"),
            path if path.starts_with("/{project}") => ("Pages of a project", "STATUS | Guest | users | everyone"),
            _ => ("Other pages", "STATUS | users"),
        };
        if !known.remove(&name) {
            missing.push(format!("under `## {section}`:\n| `{name}` | {cells} |"));
        }
    }
    assert!(
        missing.is_empty(),
        "routes without a row in docs/permissions.md. Add rows that say who may use them in GitLab, such as these, and \
         when a call needs a body or things of its own, what it sends in crates/web/tests/it/permissions:\n{}",
        missing.join("\n")
    );
    assert!(
        known.is_empty(),
        "docs/permissions.md has rows for routes that do not exist: {known:#?}"
    );
}

#[tokio::test]
async fn projects_answer_each_role_as_the_table_says() {
    let world = World::start().await;
    walk(&world, "Projects", &world.projects).await.expect_none();
}

#[tokio::test]
async fn groups_answer_each_role_as_the_table_says() {
    let world = World::start().await;
    walk(&world, "Groups", &world.groups).await.expect_none();
}

async fn walk(world: &World, section: &str, places: &[Place]) -> Differences {
    let mut differences = Differences::default();
    for row in rows_of(section) {
        for ((_, column), place) in VISIBILITIES.iter().zip(places) {
            let callers: &[Who] = if *column == "Private" { &Who::ALL } else { &Who::OUTSIDE };
            for who in callers {
                let least = row.needs(column).open;
                let promised = promised(&row, column, *who, least);
                let answered = world
                    .call(&row, place, &who.credential(), promised == row.answer())
                    .await;
                differences.note(&row, &who.name(), column, promised, answered);
            }
        }
    }
    differences
}

#[tokio::test]
async fn projects_without_public_pipelines_keep_them_to_reporters() {
    let world = World::start().await;
    let mut differences = Differences::default();
    for ((_, column), place) in VISIBILITIES.iter().zip(&world.projects) {
        let line = format!("PUT /projects/{}", place.id);
        world.made(&line, serde_json::json!({"public_jobs": false})).await;
        for row in rows_of("Projects").iter().filter(|row| row.cell(column).contains('†')) {
            for who in Who::OUTSIDE.into_iter().chain([Who::Member(2)]) {
                let promised = promised(row, column, who, row.needs(column).closed);
                let answered = world.call(row, place, &who.credential(), false).await;
                differences.note(row, &who.name(), column, promised, answered);
            }
        }
    }
    differences.expect_none();
}

#[tokio::test]
async fn each_kind_of_token_is_good_for_what_the_table_says() {
    let world = World::start().await;
    let (project, group) = (world.projects[0].clone(), world.groups[0].clone());
    let owner = world.users["owner"].clone();
    let mut scoped = Vec::new();
    for scope in app::access_tokens::SCOPES
        .iter()
        .filter(|scope| !matches!(**scope, "sudo" | "admin_mode"))
    {
        let text = format!("glpat-owner-only-{scope}");
        world.api.server.token(&owner, &text, &[scope]).await;
        scoped.push((*scope, Credential::token(format!("token with {scope}"), &text)));
    }
    let session = format!("tripline_session={}", world.session("owner").await);
    let browser = |site: &str| Credential {
        name: format!("session, {site}"),
        headers: vec![("cookie", session.clone()), ("sec-fetch-site", site.to_owned())],
    };
    let (_, _, own_job) = world.running(&project).await;
    let (_, _, other_job) = world.running(&world.home).await;
    let unknown = [
        ("trigger token", project.things["trigger_token"].as_str()),
        ("runner token", world.runner_token.as_str()),
        ("made-up token", "glpat-00000000000000000000"),
        ("made-up token of another kind", "gldt-00000000000000000000"),
    ];
    let mut differences = Differences::default();
    for (section, place) in [("Projects", &project), ("Groups", &group)] {
        for row in rows_of(section) {
            let nobody = promised(&row, "Private", Who::Nobody, row.needs("Private").open);
            let mut calls: Vec<(Credential, u16)> = Vec::new();
            for (scope, credential) in &scoped {
                let answer = if row.takes_scope(scope) { row.answer() } else { 403 };
                calls.push((credential.clone(), answer));
            }
            let reads = row.method() == "GET";
            calls.push((browser("same-origin"), if reads { row.answer() } else { nobody }));
            calls.push((browser("cross-site"), nobody));
            let takes = row.takes_job_token();
            calls.push((
                Credential::job("own job", &own_job),
                if takes { row.answer() } else { nobody },
            ));
            calls.push((
                Credential::job("job elsewhere", &other_job),
                if takes { 403 } else { nobody },
            ));
            for (name, text) in unknown {
                calls.push((Credential::token(name, text), 401));
            }
            for (credential, promised) in calls {
                let answered = world.call(&row, place, &credential, promised == row.answer()).await;
                differences.note(&row, &credential.name, section, promised, answered);
            }
        }
    }
    differences.expect_none();
}

#[tokio::test]
async fn project_and_group_tokens_are_members_of_their_role() {
    let mut differences = Differences::default();
    for (level, role) in [(20, 2), (40, 4), (50, 5)] {
        let world = World::start().await;
        for (section, root, place) in [
            ("Projects", "projects", &world.projects[0]),
            ("Groups", "groups", &world.groups[0]),
        ] {
            let new = serde_json::json!({"name": "bot", "scopes": ["api"], "access_level": level});
            let line = format!("POST /{root}/{}/access_tokens", place.id);
            let made = world.made(&line, new).await;
            let bot = Credential::token(format!("bot {}", ROLES[role]), made["token"].as_str().unwrap());
            for row in rows_of(section) {
                let least = row.needs("Private").open;
                let own = matches!(least, Least::OwnInProject | Least::OnlyOwn);
                let promised = match (row.method(), row.path()) {
                    // It would be another token afterwards.
                    (_, path) if path.ends_with("/self/rotate") => continue,
                    ("POST", path) if path.ends_with("/access_tokens") => 400,
                    ("POST", path) if path.ends_with("{token_id}/rotate") => 401,
                    // The runner is another project's, and what is deleted is another place.
                    ("POST", "/api/v4/projects/{id}/runners") => 403,
                    ("DELETE", "/api/v4/projects/{id}" | "/api/v4/groups/{id}") if least <= Least::Role(role) => 404,
                    // What is there belongs to somebody else.
                    _ if own => 403,
                    _ => promised(&row, "Private", Who::Member(role), least),
                };
                let answered = world
                    .call(&row, place, &bot, promised == row.answer() || promised == 404)
                    .await;
                differences.note(&row, &bot.name, section, promised, answered);
            }
        }
    }
    differences.expect_none();
}

#[tokio::test]
async fn the_server_answers_each_role_and_token_as_the_table_says() {
    let mut world = World::start().await;
    let root = world.users["admin"].clone();
    let mut differences = Differences::default();
    for row in rows_of("The server") {
        let least = row.needs("Least").open;
        let others = |who: Who| match (who, least) {
            (Who::Blocked, least) if least != Least::Anyone => 403,
            (who, least) if who.reaches(least) => row.answer(),
            (Who::Nobody, Least::Users) if row.cell("Others") != "-" => row.number("Others"),
            (Who::Nobody, _) => 401,
            (Who::Member(5), Least::Own) => row.answer(),
            _ => row.number("Others"),
        };
        for who in [Who::Nobody, Who::Blocked, Who::Stranger, Who::Member(5), Who::Admin] {
            let promised = others(who);
            let answered = world.server_call(&row, &who.name(), &who.credential()).await;
            differences.note(&row, &who.name(), "the server", promised, answered);
        }
        for scope in app::access_tokens::SCOPES
            .iter()
            .filter(|scope| !matches!(**scope, "sudo" | "admin_mode"))
        {
            let text = format!("glpat-root-{scope}-{}", world.number());
            world.api.server.token(&root, &text, &[scope]).await;
            let credential = Credential::token(format!("token with {scope}"), &text);
            let promised = if row.takes_scope(scope) || least == Least::Anyone {
                others(Who::Admin)
            } else {
                403
            };
            let answered = world.server_call(&row, "admin", &credential).await;
            differences.note(&row, &credential.name, "the server", promised, answered);
        }
        let project = world.projects[0].clone();
        let (_, _, job) = world.running(&project).await;
        let promised = if row.takes_job_token() {
            row.answer()
        } else {
            others(Who::Nobody)
        };
        let answered = world.server_call(&row, "owner", &Credential::job("job", &job)).await;
        differences.note(&row, "job token", "the server", promised, answered);
        for text in [
            project.things["trigger_token"].as_str(),
            &world.runner_token,
            "glpat-00000000000000000000",
        ] {
            let answered = world
                .server_call(&row, "owner", &Credential::token("unknown", text))
                .await;
            let promised = if least == Least::Anyone { row.answer() } else { 401 };
            differences.note(&row, text, "the server", promised, answered);
        }
        world.refresh_tokens().await;
    }
    differences.expect_none();
}

#[tokio::test]
async fn calls_with_tokens_of_their_own_look_at_nothing_else() {
    let world = World::start().await;
    let mut differences = Differences::default();
    for row in rows_of("By a token of its own") {
        let own = world.by_own_token(&row, None).await;
        differences.note(&row, "its own token", "good", row.answer(), own);
        for who in [Who::Nobody, Who::Member(5), Who::Admin, Who::Blocked] {
            let credential = who.credential();
            for text in ["made-up", token_of(&who.name()).as_str()] {
                let answered = world.by_own_token(&row, Some((text, &credential))).await;
                differences.note(&row, &credential.name, text, row.number("Anything else"), answered);
            }
        }
    }
    differences.expect_none();
}

/// What a page answers: nobody is sent to sign in, strangers find nothing.
fn shown(row: &Row, column: &str, who: Who) -> u16 {
    let least = row.needs(column).open;
    // Blocked users have no session any more.
    let who = if who == Who::Blocked { Who::Nobody } else { who };
    match who {
        who if who.reaches(least) => row.answer(),
        // Nothing that reads it can sign in.
        Who::Nobody if row.path() == "/-/metrics" => 404,
        Who::Nobody => 303,
        Who::Stranger if column == "Private" => 404,
        _ if least == Least::Admin => 404,
        _ => 403,
    }
}

#[tokio::test]
async fn pages_are_shown_to_each_role_as_the_table_says() {
    let world = World::start().await;
    let mut differences = Differences::default();
    for (section, places) in [
        ("Pages of a project", &world.projects),
        ("Pages of a group", &world.groups),
    ] {
        for row in rows_of(section) {
            for ((_, column), place) in VISIBILITIES.iter().zip(places) {
                let callers: &[Who] = if *column == "Private" { &Who::ALL } else { &Who::OUTSIDE };
                for who in callers {
                    let promised = shown(&row, column, *who);
                    let answered = world.page(&row, place, &who.name(), promised == row.answer()).await;
                    differences.note(&row, &who.name(), column, promised, answered);
                }
            }
        }
    }
    for row in rows_of("Other pages") {
        for who in [Who::Nobody, Who::Blocked, Who::Stranger, Who::Member(5), Who::Admin] {
            let promised = shown(&row, "Least", who);
            let answered = world
                .page(&row, &world.projects[2], &who.name(), promised == row.answer())
                .await;
            differences.note(&row, &who.name(), "other pages", promised, answered);
        }
    }
    differences.expect_none();
}

#[tokio::test]
async fn every_form_wants_its_token() {
    let world = World::start().await;
    let mut differences = Differences::default();
    let sections = ["Pages of a project", "Pages of a group", "Other pages"];
    for row in sections.into_iter().flat_map(rows_of) {
        if row.method() == "GET" {
            continue;
        }
        let places = if row.section == "Pages of a group" {
            &world.groups
        } else {
            &world.projects
        };
        for (name, who) in [
            ("owner", Who::Member(5)),
            ("admin", Who::Admin),
            ("nobody", Who::Nobody),
        ] {
            let answered = world.forged_page(&row, &places[0], &who.name()).await;
            differences.note(&row, name, "without the form's token", 403, answered);
        }
    }
    differences.expect_none();
}

#[tokio::test]
async fn git_answers_each_role_as_the_table_says() {
    let world = World::start().await;
    let mut differences = Differences::default();
    for row in rows_of("Git over HTTP") {
        for ((_, column), place) in VISIBILITIES.iter().zip(&world.projects) {
            let least = row.needs(column).open;
            let callers: &[Who] = if *column == "Private" { &Who::ALL } else { &Who::OUTSIDE };
            for who in callers {
                let promised = match *who {
                    Who::Blocked => 403,
                    who if who.reaches(least) => row.answer(),
                    Who::Nobody => 401,
                    Who::Stranger if *column == "Private" => 404,
                    _ => 403,
                };
                let password = if *who == Who::Nobody {
                    String::new()
                } else {
                    token_of(&who.name())
                };
                let answered = world.git(&row, place, &password).await;
                differences.note(&row, &who.name(), column, promised, answered);
            }
        }
        let project = world.projects[0].clone();
        let owner = world.users["owner"].clone();
        for scope in [
            "api",
            "read_api",
            "read_repository",
            "write_repository",
            "read_user",
            "self_rotate",
        ] {
            let text = format!("glpat-git-{scope}-{}", world.number());
            world.api.server.token(&owner, &text, &[scope]).await;
            // Whoever may write may read.
            let takes = row.takes_scope(scope) || scope == "write_repository";
            let promised = if takes { row.answer() } else { 403 };
            let answered = world.git(&row, &project, &text).await;
            differences.note(&row, scope, "token with only this scope", promised, answered);
        }
        let (_, _, own) = world.running(&project).await;
        let (_, _, other) = world.running(&world.home).await;
        let promised = if row.takes_job_token() {
            [row.answer(), 403]
        } else {
            [403, 403]
        };
        for (token, promised) in [own, other].iter().zip(promised) {
            let answered = world.git(&row, &project, token).await;
            differences.note(&row, "job token", "private", promised, answered);
        }
        for text in [project.things["trigger_token"].as_str(), &world.runner_token, "made-up"] {
            let answered = world.git(&row, &project, text).await;
            differences.note(&row, text, "private", 401, answered);
        }
    }
    differences.expect_none();
}

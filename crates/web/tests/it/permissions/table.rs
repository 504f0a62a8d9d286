//! The tables of `docs/permissions.md`, read into rows.

use std::collections::BTreeMap;
use std::path::Path;

/// The least that somebody must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Least {
    /// Nobody in particular.
    Everyone,
    /// Whoever calls: no credential is looked at.
    Anyone,
    /// Anybody with a credential.
    Users,
    /// The user to whom the thing belongs.
    Own,
    /// Who made it in a project, and administrators.
    OwnInProject,
    /// Who made it in a project, and not even administrators.
    OnlyOwn,
    /// A member with at least this role (index into [`ROLES`]).
    Role(usize),
    /// An administrator.
    Admin,
    /// The job whose token it is.
    Job,
}

/// Roles, least first.
pub(crate) const ROLES: [&str; 6] = ["Guest", "Planner", "Reporter", "Developer", "Maintainer", "Owner"];

const REPORTER: Least = Least::Role(2);

/// Who may use something, on a project with public pipelines and on one without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) open: Least,
    pub(crate) closed: Least,
}

/// One row: the endpoint and the cells by the names of their columns.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) endpoint: String,
    pub(crate) section: String,
    cells: BTreeMap<String, String>,
}

impl Row {
    #[track_caller]
    pub(crate) fn cell(&self, column: &str) -> &str {
        let cell = self.cells.get(column);
        cell.unwrap_or_else(|| panic!("`{}` has no column `{column}` in docs/permissions.md", self.endpoint))
    }

    /// The status for those who may.
    pub(crate) fn answer(&self) -> u16 {
        self.answers()[0]
    }

    /// The status for those who may, and what else may be said to them.
    pub(crate) fn answers(&self) -> Vec<u16> {
        let cell = self.cell("Answer").split(", ");
        cell.map(|one| {
            one.parse()
                .unwrap_or_else(|_| panic!("`{}`: `{one}` is no status", self.endpoint))
        })
        .collect()
    }

    pub(crate) fn number(&self, column: &str) -> u16 {
        self.cell(column)
            .parse()
            .unwrap_or_else(|_| panic!("`{}`: {column} is no status", self.endpoint))
    }

    /// The status for users who see the place and whose role is too small.
    pub(crate) fn refusal(&self, column: &str) -> u16 {
        let cell = self.cell(column);
        let given = cell.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
        given.map_or(403, |text| {
            text.parse()
                .unwrap_or_else(|_| panic!("`{}`: `{text}` is no status", self.endpoint))
        })
    }

    pub(crate) fn needs(&self, column: &str) -> Needs {
        let cell = self.cell(column);
        let text = cell.split_once(" (").map_or(cell, |(text, _)| text);
        let (word, depends) = match text.strip_suffix('†') {
            Some(word) => (word, true),
            None => (text, false),
        };
        let open = least(word).unwrap_or_else(|| panic!("`{}`: `{word}` is nobody", self.endpoint));
        Needs {
            open,
            closed: if depends { open.max(REPORTER) } else { open },
        }
    }

    /// Whether a token with only this scope will do.
    pub(crate) fn takes_scope(&self, scope: &str) -> bool {
        let accepted = self.cell("Scopes");
        scope == "api" || accepted == "any" || accepted.split(' ').any(|one| one == scope)
    }

    pub(crate) fn takes_job_token(&self) -> bool {
        self.cell("Job token") != "-"
    }

    pub(crate) fn method(&self) -> &str {
        self.endpoint
            .split(' ')
            .next()
            .expect("an endpoint begins with its method")
    }

    pub(crate) fn path(&self) -> &str {
        self.endpoint.split_once(' ').expect("an endpoint has a path").1
    }
}

fn least(word: &str) -> Option<Least> {
    Some(match word {
        "everyone" => Least::Everyone,
        "anyone" => Least::Anyone,
        "users" => Least::Users,
        "self" => Least::Own,
        "own" => Least::OwnInProject,
        "only own" => Least::OnlyOwn,
        "admin" => Least::Admin,
        "job token" => Least::Job,
        role => Least::Role(ROLES.iter().position(|one| *one == role)?),
    })
}

/// Reads every table whose first cells are endpoints.
pub(crate) fn read() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut rows, mut section, mut columns) = (Vec::new(), String::new(), Vec::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        }
        let Some(inner) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        let cells: Vec<String> = inner.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        match cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
            None => columns = cells,
            Some(endpoint) if endpoint.contains(" /") => rows.push(Row {
                endpoint: endpoint.to_owned(),
                section: section.clone(),
                cells: columns.iter().cloned().zip(cells.iter().cloned()).collect(),
            }),
            Some(_) => {}
        }
    }
    rows
}

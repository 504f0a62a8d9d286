//! An explanation to read: text for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{ClauseExplanation, ClauseKind, Explanation, JobExplanation, RuleExplanation, SeenVariable, Verdict};
use crate::diagnostic::Location;

impl ClauseKind {
    /// Returns the keyword.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ClauseKind::If => "if",
            ClauseKind::Changes => "changes",
            ClauseKind::Exists => "exists",
            ClauseKind::Refs => "refs",
            ClauseKind::Variables => "variables",
            ClauseKind::Kubernetes => "kubernetes",
        }
    }
}

impl Verdict {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::In => "in",
            Verdict::Manual => "manual",
            Verdict::Delayed => "delayed",
            Verdict::Out => "out",
            Verdict::Error => "error",
        }
    }
}

impl Explanation {
    /// Returns a text to read: a line per job, below it the rules that were looked at.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.summary);
        if !self.workflow.rules.is_empty() || !self.workflow.runs {
            let runs = if self.workflow.runs { "runs" } else { "refused" };
            _ = writeln!(text, "\nworkflow: {runs}: {}", self.workflow.reason);
            self.rules_text(&mut text, &self.workflow.rules);
        }
        for job in &self.jobs {
            let place = job
                .location
                .as_ref()
                .map(|at| format!("  ({}:{})", at.file, at.line))
                .unwrap_or_default();
            _ = writeln!(text, "\n{:7} {} [{}]{place}", job.verdict.as_str(), job.name, job.stage);
            _ = writeln!(text, "        {}", job.reason);
            self.rules_text(&mut text, &job.rules);
            for (name, clauses) in [("only", &job.only), ("except", &job.except)] {
                for clause in clauses {
                    self.clause_text(&mut text, &format!("{name}:"), clause);
                }
            }
        }
        text
    }

    /// Returns the same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "summary": self.summary,
            "workflow": {
                "runs": self.workflow.runs,
                "reason": self.workflow.reason,
                "rules": self.rules_json(&self.workflow.rules),
            },
            "jobs": self.jobs.iter().map(|job| self.job_json(job)).collect::<Vec<_>>(),
        })
    }

    fn rules_text(&self, text: &mut String, rules: &[RuleExplanation]) {
        for rule in rules {
            let place = rule
                .location
                .as_ref()
                .map(|at| format!(" ({}:{})", at.file, at.line))
                .unwrap_or_default();
            let matched = if rule.matched { "matches" } else { "does not match" };
            _ = writeln!(text, "        rule {}{place} {matched}", rule.number);
            for clause in &rule.clauses {
                self.clause_text(text, "", clause);
            }
        }
    }

    fn clause_text(&self, text: &mut String, prefix: &str, clause: &ClauseExplanation) {
        let holds = if clause.holds { "holds" } else { "does not hold" };
        _ = writeln!(
            text,
            "          {prefix}{}: {}  -> {holds}",
            clause.kind.as_str(),
            clause.text
        );
        for SeenVariable { name, value, .. } in self.values(clause) {
            let value = value
                .as_ref()
                .map_or_else(|| "undefined".to_owned(), |value| format!("{value:?}"));
            _ = writeln!(text, "            ${name} is {value}");
        }
        if let Some(note) = &clause.note {
            _ = writeln!(text, "            {note}");
        }
    }

    fn job_json(&self, job: &JobExplanation) -> Json {
        json!({
            "name": job.name,
            "stage": job.stage,
            "location": place_json(job.location.as_ref()),
            "verdict": job.verdict.as_str(),
            "reason": job.reason,
            "rules": self.rules_json(&job.rules),
            "only": self.clauses_json(&job.only),
            "except": self.clauses_json(&job.except),
        })
    }

    fn rules_json(&self, rules: &[RuleExplanation]) -> Json {
        rules
            .iter()
            .map(|rule| {
                json!({
                    "number": rule.number,
                    "location": place_json(rule.location.as_ref()),
                    "matched": rule.matched,
                    "clauses": self.clauses_json(&rule.clauses),
                })
            })
            .collect()
    }

    fn clauses_json(&self, clauses: &[ClauseExplanation]) -> Json {
        clauses.iter().map(|clause| self.clause_json(clause)).collect()
    }

    fn clause_json(&self, clause: &ClauseExplanation) -> Json {
        let values = self
            .values(clause)
            .map(|seen| (seen.name.clone(), json!(seen.value)))
            .collect::<serde_json::Map<_, _>>();
        json!({ "kind": clause.kind.as_str(), "text": clause.text, "holds": clause.holds, "values": values, "note": clause.note })
    }
}

fn place_json(location: Option<&Location>) -> Json {
    location.map_or(
        Json::Null,
        |at| json!({ "file": at.file, "line": at.line, "column": at.column }),
    )
}

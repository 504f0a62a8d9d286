//! Shared by the tables: a configuration read and planned without a server.

use std::collections::HashMap;
use std::sync::Arc;

use compile::facts::FetchedFile;
use compile::{
    Answer, Config, Demand, Facts, FileKey, Limits, LoadRequest, Loaded, Plan, PlanRequest, PlanResult, Severity, Step,
    Variable, VariableOrigin, load,
};
use model::{GitRef, Source};

/// A repository and everything else that may be asked for.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) files: HashMap<FileKey, Answer>,
    pub(crate) paths: Vec<String>,
    pub(crate) changes: Option<Vec<String>>,
    pub(crate) inputs: Vec<(String, serde_json::Value)>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) limits: Limits,
}

impl World {
    /// A repository with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> World {
        let mut world = World::default();
        for (path, text) in files {
            world.file(None, None, path, text);
        }
        world
    }

    pub(crate) fn file(&mut self, project: Option<&str>, git_ref: Option<&str>, path: &str, text: &str) {
        let project = project.map(str::to_owned);
        let git_ref = git_ref.map(str::to_owned);
        let file = FetchedFile {
            text: text.into(),
            project: project.clone(),
            sha: git_ref.clone(),
            component: None,
        };
        let key = FileKey::Project {
            project,
            git_ref,
            path: path.to_owned(),
            public: false,
        };
        self.files.insert(key, Answer::File(file));
        self.paths.push(path.to_owned());
        self.paths.sort();
    }

    fn answer(&self, demand: &Demand) -> Answer {
        match demand {
            Demand::File(key) => self.files.get(key).cloned().unwrap_or(Answer::Missing),
            Demand::Paths {
                project: Some(name), ..
            } if name == "no/such" => Answer::Denied,
            Demand::Paths {
                git_ref: Some(name), ..
            } if name == "nowhere" => Answer::NoSuchRef,
            Demand::Paths { .. } => Answer::Paths(Arc::new(self.paths.clone())),
            Demand::Changes { compare_to: Some(name) } if name == "nowhere" => Answer::NoSuchRef,
            Demand::Changes { .. } => match &self.changes {
                Some(paths) => Answer::Paths(Arc::new(paths.clone())),
                None => Answer::ChangesUnknown,
            },
        }
    }

    /// Answers until there is a result.
    fn run<T>(&self, mut step: impl FnMut(&Facts) -> Step<T>) -> T {
        let mut facts = Facts::default();
        for _ in 0..400 {
            match step(&facts) {
                Step::Done(result) => return result,
                Step::Needs(demands) => {
                    assert!(!demands.is_empty(), "asked for nothing");
                    for demand in demands {
                        assert!(facts.get(&demand).is_none(), "asked twice for {demand:?}");
                        let answer = self.answer(&demand);
                        facts.insert(demand, answer);
                    }
                }
            }
        }
        panic!("no end of demands");
    }

    pub(crate) fn load(&self, text: &str) -> Loaded {
        let request = LoadRequest {
            file_name: ".gitlab-ci.yml",
            text: text.into(),
            file_project: None,
            file_sha: None,
            inputs: &self.inputs,
            variables: &self.variables,
            project_path: "group/project",
            sha: "0123456789012345678901234567890123456789",
            server_fqdn: "ci.example.com",
            limits: &self.limits,
        };
        self.run(|facts| load(&request, facts))
    }

    pub(crate) fn errors(&self, text: &str) -> Vec<String> {
        errors(&self.load(text))
    }

    pub(crate) fn config(&self, text: &str) -> Arc<Config> {
        let loaded = self.load(text);
        assert_eq!(errors(&loaded), [""; 0], "{text}");
        loaded.config.expect("there is no error")
    }

    pub(crate) fn plan(&self, text: &str, run: &Run) -> PlanResult {
        let config = self.config(text);
        self.run(|facts| config.plan(&run.request(&self.limits), facts)).result
    }

    pub(crate) fn explain(&self, text: &str, run: &Run) -> compile::Explanation {
        self.explained(text, run).explanation
    }

    pub(crate) fn explained(&self, text: &str, run: &Run) -> compile::Explained {
        let config = self.config(text);
        self.run(|facts| config.explain(&run.request(&self.limits), facts))
    }
}

pub(crate) fn errors(loaded: &Loaded) -> Vec<String> {
    let list = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error);
    list.map(|diagnostic| diagnostic.message.clone()).collect()
}

/// One pipeline to plan.
pub(crate) struct Run {
    pub(crate) source: Source,
    pub(crate) git_ref: GitRef,
    pub(crate) merge_request: bool,
    pub(crate) predefined: Vec<Variable>,
    pub(crate) overriding: Vec<Variable>,
    pub(crate) iid: Option<i64>,
    pub(crate) only_job: Option<&'static str>,
}

impl Run {
    /// A pipeline of a branch `main`.
    pub(crate) fn of(source: Source) -> Run {
        Run {
            source,
            git_ref: GitRef::branch("main"),
            merge_request: source == Source::MergeRequestEvent,
            predefined: vec![
                variable(VariableOrigin::Predefined, "CI_PIPELINE_SOURCE", source.as_str()),
                variable(VariableOrigin::Predefined, "CI_COMMIT_REF_NAME", "main"),
            ],
            overriding: Vec::new(),
            iid: None,
            only_job: None,
        }
    }

    pub(crate) fn tag(name: &str) -> Run {
        let mut run = Run::of(Source::Push);
        run.git_ref = GitRef::tag(name);
        run.predefined
            .push(variable(VariableOrigin::Predefined, "CI_COMMIT_TAG", name));
        run
    }

    /// With a variable given by the caller.
    pub(crate) fn given(mut self, key: &'static str, value: &str) -> Run {
        self.overriding.push(variable(VariableOrigin::Pipeline, key, value));
        self
    }

    fn request<'a>(&'a self, limits: &'a Limits) -> PlanRequest<'a> {
        PlanRequest {
            source: self.source,
            git_ref: &self.git_ref,
            merge_request: self.merge_request,
            project_path: "group/project",
            predefined: &self.predefined,
            overriding: &self.overriding,
            iid: self.iid,
            only_job: self.only_job,
            limits,
        }
    }
}

pub(crate) fn variable(origin: VariableOrigin, key: &'static str, value: &str) -> Variable {
    Variable {
        key: key.into(),
        value: value.to_owned(),
        raw: false,
        file: false,
        masked: false,
        environment_scope: None,
        origin,
    }
}

/// The plan, which there must be.
pub(crate) fn made(result: PlanResult) -> Plan {
    match result {
        PlanResult::Plan(plan) => plan,
        other => panic!("no plan but {other:?}"),
    }
}

/// Names of the jobs of a plan; what became of the request when there is none.
pub(crate) fn names(result: &PlanResult) -> Vec<String> {
    match result {
        PlanResult::Plan(plan) => plan.jobs.iter().map(|job| job.definition.name.clone()).collect(),
        PlanResult::FilteredByWorkflowRules => vec!["(filtered)".to_owned()],
        PlanResult::Empty => vec!["(empty)".to_owned()],
        PlanResult::Invalid(errors) => errors.iter().map(|error| error.message.clone()).collect(),
    }
}

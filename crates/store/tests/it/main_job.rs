//! The rows of the main job, from a user to a finished pipeline.

use model::{PipelineIid, Status};
use store::ops::{definitions, jobs, pipelines, projects, users};

use crate::fixture::{self, NOW, on_both};

on_both! {
    fn a_pipeline_and_its_jobs_come_back_as_they_were_stored(opened) {
        let (pipeline, stored) = opened.write(|tx| {
            let user = fixture::user(tx, "root")?;
            let project = fixture::project(tx, &user, "demo")?;
            let pipeline = fixture::pipeline(tx, &project)?;
            let jobs = fixture::jobs_of(tx, &pipeline, &["build", "test", "deploy"], Status::Created)?;
            Ok((pipeline, jobs))
        });
        assert_eq!(pipeline.iid, PipelineIid(1));
        assert_eq!(stored.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["build", "test", "deploy"]);

        let id = pipeline.id;
        let (read, given, jobs) =
            opened.read(move |tx| Ok((pipelines::by_id(tx, id)?, pipelines::given(tx, id)?, jobs::current(tx, id)?)));
        assert_eq!(read, Some(pipeline));
        assert_eq!(given.variables, Some(vec![1, 2, 3]));
        assert_eq!(jobs, stored);

        let definition = jobs[0].definition_id;
        let definition = opened.read(move |tx| definitions::get(tx, definition)).expect("stored with the job");
        assert_eq!(definition.script, ["echo build"]);
    }

    fn names_and_paths_are_found_in_any_letter_case(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "Root")?;
            fixture::project(tx, &user, "Demo")?;
            users::set_password_hash(tx, user.id, Some("hash"))?;
            Ok(())
        });
        let (user, project) =
            opened.read(|tx| Ok((users::by_username(tx, "rOOT")?, projects::by_full_path(tx, "root/dEMO")?)));
        assert_eq!(user.expect("there").username, "Root");
        let project = project.expect("there");
        assert_eq!((project.full_path.as_str(), project.created_at), ("Root/Demo", NOW));
    }
}

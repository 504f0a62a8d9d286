//! Explanations of pipelines that have none.

use model::StageState;
use serde_json::{Value, json};
use store::ops::pipelines::{self, Given, NewPipeline};

use super::Api;

#[tokio::test]
async fn a_pipeline_of_a_version_that_kept_no_explanations_says_so() {
    let api = Api::start().await;
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": "a: {script: x}"});
    let commit = json!({"branch": "main", "commit_message": "start", "actions": [action]});
    api.ada("POST /projects/1/repository/commits", commit).await.json(201);
    let made = api
        .ada("POST /projects/1/pipeline", json!({"ref": "main"}))
        .await
        .json(201);
    let model = api.server.pipelines().await.pop().unwrap();
    assert_eq!(json!(model.id.0), made["id"]);
    let old = move |tx: &mut dyn store::Tx| {
        let stages = [StageState {
            index: 2,
            name: "test".to_owned(),
            status: model.status,
        }];
        let new = NewPipeline {
            project_id: model.project_id,
            iid: None,
            user_id: model.user_id,
            sha: &model.sha,
            before_sha: &model.before_sha,
            git_ref: &model.git_ref,
            protected: model.protected,
            status: model.status,
            stages: &stages,
            source: model.source,
            name: None,
            yaml_errors: None,
            failure_reason: None,
            on_new_commit: model.on_new_commit,
            on_job_failure: model.on_job_failure,
            trigger_token_id: None,
            schedule_id: None,
            upstream_job_id: None,
            upstream_pipeline_id: None,
            explanation: None,
            created_at: model.created_at,
            finished_at: None,
        };
        pipelines::insert(tx, &new, &Given::default())
    };
    let old = api.server.app.store.write(old).await.unwrap();
    let of = |id: &str| format!("GET /projects/1/pipelines/{id}/explanation");
    assert_eq!(
        api.ada(&of(&old.id.to_string()), Value::Null).await.shown(),
        r#"404 {"message":"404 Explanation Not Found"}"#
    );
    assert_eq!(api.ada(&of(&made["id"].to_string()), Value::Null).await.status, 200);
}

//! Texts of environments and deployments.

use model::{DeploymentStatus, EnvironmentState, Status, Tier};

use crate::language::Language;

texts! {
    environments = "Environments", "環境";
    environments_there = "Available", "利用可能";
    environments_stopped = "Stopped", "停止済み";
    no_environments = "No environment here.", "環境はありません。";
    no_environments_text = "A job with environment: in .gitlab-ci.yml makes one.", ".gitlab-ci.yml で environment: を持つジョブが環境を作成します。";
    tier_word = "Tier", "階層";
    last_deployment = "Last deployment", "最新のデプロイ";
    nothing_deployed = "Nothing has been deployed here yet.", "まだデプロイされていません。";
    stops_by_itself = "Stops by itself", "自動停止";
    open_environment = "Open", "開く";
    opens = "Address", "アドレス";
    stop_environment = "Stop", "停止";
    stop_environment_named(name: &str) = "Stop {name}", "{name}を停止";
    stop_environment_ask(name: &str) = "Stop {name}? Its stop job runs, if it has one.", "{name}を停止しますか？ 停止用ジョブがあれば実行されます。";
    environment_stopped = "The environment stops.", "環境を停止します。";
    deployments = "Deployments", "デプロイ";
    deployment_word = "Deployment", "デプロイ";
    deployed_by = "By", "実行者";
    deployed_now = "there now", "現在";
    deploy_again = "Deploy again", "再デプロイ";
    roll_back = "Roll back to this", "これにロールバック";
    redeploy_named(what: &str, iid: i64) = "{what}: #{iid}", "{what}: #{iid}";
    job_deployed_last = "This job deployed to this environment; that is what is there now:", "このジョブがデプロイした内容が現在の環境にあります:";
    job_deployed_before = "This job deployed to this environment; something else is there now:", "このジョブがデプロイした環境には、現在は別のデプロイがあります:";
    job_deploys = "This job deploys to", "このジョブのデプロイ先:";
    job_did_not_deploy = "The deployment of this job did not succeed:", "このジョブのデプロイは成功しませんでした:";
    job_uses_environment = "This job works with", "このジョブが使う環境:";
}

impl Language {
    /// The word for the state of an environment.
    #[must_use]
    pub const fn environment_state(self, state: &EnvironmentState) -> &'static str {
        match (self, state) {
            (Language::English, EnvironmentState::Available) => "available",
            (Language::English, EnvironmentState::Stopping) => "stopping",
            (Language::English, EnvironmentState::Stopped) => "stopped",
            (Language::Japanese, EnvironmentState::Available) => "利用可能",
            (Language::Japanese, EnvironmentState::Stopping) => "停止処理中",
            (Language::Japanese, EnvironmentState::Stopped) => "停止済み",
        }
    }

    /// The word for a tier.
    #[must_use]
    pub const fn tier(self, tier: &Tier) -> &'static str {
        match (self, tier) {
            (Language::English, tier) => tier.as_str(),
            (Language::Japanese, Tier::Production) => "本番",
            (Language::Japanese, Tier::Staging) => "ステージング",
            (Language::Japanese, Tier::Testing) => "テスト",
            (Language::Japanese, Tier::Development) => "開発",
            (Language::Japanese, Tier::Other) => "その他",
        }
    }

    /// A badge for how far a deployment is.
    #[must_use]
    pub fn deployment_badge(self, status: &DeploymentStatus) -> crate::html::Html {
        self.badge(as_job(*status), false)
    }
}

/// The status of a job that a deployment's status looks like.
const fn as_job(status: DeploymentStatus) -> Status {
    match status {
        DeploymentStatus::Created => Status::Created,
        DeploymentStatus::Running => Status::Running,
        DeploymentStatus::Success => Status::Success,
        DeploymentStatus::Failed => Status::Failed,
        DeploymentStatus::Canceled => Status::Canceled,
        DeploymentStatus::Skipped => Status::Skipped,
        DeploymentStatus::Blocked => Status::Manual,
    }
}

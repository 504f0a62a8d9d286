//! Statuses, sources and roles as people read them.

use std::borrow::Borrow;

use model::{AccessLevel, FailureReason, Source, Status, Visibility};

use crate::html::{Escaped, Html};
use crate::language::Language;

/// Whether a status also says that something failed that was allowed to.
pub type WithWarnings = bool;

impl Language {
    /// The word for a status.
    #[must_use]
    pub const fn status(self, status: Status) -> &'static str {
        let (english, japanese) = match status {
            Status::Created => ("created", "作成済み"),
            Status::WaitingForResource => ("waiting for resource", "リソース待ち"),
            Status::Preparing => ("preparing", "準備中"),
            Status::WaitingForCallback => ("waiting for callback", "コールバック待ち"),
            Status::Pending => ("pending", "待機中"),
            Status::Running => ("running", "実行中"),
            Status::Success => ("passed", "成功"),
            Status::Failed => ("failed", "失敗"),
            Status::Canceling => ("canceling", "キャンセル処理中"),
            Status::Canceled => ("canceled", "キャンセル済み"),
            Status::Skipped => ("skipped", "スキップ"),
            Status::Manual => ("manual", "手動"),
            Status::Scheduled => ("scheduled", "予約済み"),
        };
        match self {
            Language::English => english,
            Language::Japanese => japanese,
        }
    }

    /// A badge with icon and word.
    #[must_use]
    pub fn badge(self, status: impl Borrow<Status>, warnings: impl Borrow<WithWarnings>) -> Html {
        let (status, warnings) = (*status.borrow(), *warnings.borrow());
        let warned = warnings && status == Status::Success;
        let (class, word) = if warned {
            ("warning", self.passed_with_warnings())
        } else {
            (class(status), self.status(status))
        };
        Html::new(format!(
            "<span class=\"badge s-{class}\">{}<span>{}</span></span>",
            icon(class).as_str(),
            Escaped(word)
        ))
    }

    /// A mark: the icon alone, with the word for those who do not see it.
    #[must_use]
    pub fn mark(self, status: impl Borrow<Status>, allowed_to_fail: impl Borrow<bool>) -> Html {
        let (status, allowed_to_fail) = (*status.borrow(), *allowed_to_fail.borrow());
        let class = if allowed_to_fail && status == Status::Failed {
            "warning"
        } else {
            class(status)
        };
        Html::new(format!(
            "<span class=\"mark s-{class}\">{}<span class=\"hidden\">{}</span></span>",
            icon(class).as_str(),
            Escaped(self.status(status))
        ))
    }

    /// Why a pipeline exists.
    #[must_use]
    pub fn source(self, source: impl Borrow<Source>) -> String {
        let source = *source.borrow();
        let japanese = match source.as_str() {
            "push" => "プッシュ",
            "web" => "画面から",
            "trigger" => "トリガー",
            "schedule" => "スケジュール",
            "api" => "API",
            "pipeline" => "他プロジェクトのパイプライン",
            "parent_pipeline" => "親パイプライン",
            other => return other.replace('_', " "),
        };
        match self {
            Language::English => source.as_str().replace('_', " "),
            Language::Japanese => japanese.to_owned(),
        }
    }

    /// The word for a role.
    #[must_use]
    pub fn role(self, level: impl Borrow<AccessLevel>) -> &'static str {
        match *level.borrow() {
            AccessLevel::None => match self {
                Language::English => "No access",
                Language::Japanese => "権限なし",
            },
            AccessLevel::Guest => "Guest",
            AccessLevel::Planner => "Planner",
            AccessLevel::Reporter => "Reporter",
            AccessLevel::Developer => "Developer",
            AccessLevel::Maintainer => "Maintainer",
            AccessLevel::Owner => "Owner",
        }
    }

    /// The word for a visibility.
    #[must_use]
    pub fn visibility(self, visibility: impl Borrow<Visibility>) -> &'static str {
        match (self, *visibility.borrow()) {
            (Language::English, Visibility::Private) => "Private",
            (Language::English, Visibility::Internal) => "Internal",
            (Language::English, Visibility::Public) => "Public",
            (Language::Japanese, Visibility::Private) => "非公開",
            (Language::Japanese, Visibility::Internal) => "内部公開",
            (Language::Japanese, Visibility::Public) => "公開",
        }
    }

    /// Why a job failed.
    #[must_use]
    pub fn failure(self, reason: impl Borrow<FailureReason>) -> String {
        use FailureReason as F;
        let (english, japanese) = match *reason.borrow() {
            F::UnknownFailure => ("It failed, and nobody knows why", "原因不明の失敗です"),
            F::ScriptFailure => ("The script failed", "スクリプトが失敗しました"),
            F::ApiFailure => (
                "The runner could not reach the server",
                "ランナーがサーバーと通信できませんでした",
            ),
            F::StuckOrTimeoutFailure => (
                "No runner took the job in time",
                "実行できるランナーが見つかりませんでした",
            ),
            F::RunnerSystemFailure => ("The runner had a problem", "ランナーの障害です"),
            F::MissingDependencyFailure => ("Artifacts of an earlier job are gone", "前のジョブの成果物がありません"),
            F::RunnerUnsupported => (
                "The runner cannot do what the job asks for",
                "ランナーがこのジョブに対応していません",
            ),
            F::StaleSchedule => (
                "The delayed job could not be started in time",
                "遅延ジョブを時間内に開始できませんでした",
            ),
            F::JobExecutionTimeout => ("It ran longer than it may", "制限時間を超えました"),
            F::ArchivedFailure => ("The job is too old to run", "ジョブが古すぎるため実行できません"),
            F::UnmetPrerequisites => (
                "Something that the job needs was not ready",
                "ジョブの前提条件が満たされていません",
            ),
            F::SchedulerFailure => (
                "The job could not be handed to a runner",
                "ジョブをランナーに渡せませんでした",
            ),
            F::DataIntegrityFailure => ("The job's data is not complete", "ジョブのデータに不整合があります"),
            F::ForwardDeploymentFailure => (
                "A newer deployment was there first",
                "より新しいデプロイがすでにあります",
            ),
            F::UserBlocked => ("Its user is blocked", "実行ユーザーがブロックされています"),
            F::ProjectDeleted => ("The project was deleted", "プロジェクトが削除されました"),
            F::CiQuotaExceeded => ("The quota is used up", "利用枠を使い切りました"),
            F::PipelineLoopDetected => (
                "Pipelines would start each other for ever",
                "パイプラインの無限ループを検出しました",
            ),
            F::NoMatchingRunner => ("No runner has the job's tags", "タグに合うランナーがありません"),
            F::TraceSizeExceeded => ("The log became too long", "ログが上限を超えました"),
            F::BuildsDisabled => ("CI/CD is switched off for the project", "プロジェクトのCI/CDが無効です"),
            F::EnvironmentCreationFailure => ("The environment could not be made", "環境を作成できませんでした"),
            F::DeploymentRejected => ("The deployment was refused", "デプロイは拒否されました"),
            F::FailedOutdatedDeploymentJob => (
                "A newer deployment was there first",
                "より新しいデプロイがすでにあります",
            ),
            F::JobExecutionServerTimeout => ("It ran longer than the server allows", "サーバーの制限時間を超えました"),
            F::ProtectedEnvironmentFailure => ("The environment is protected", "保護された環境です"),
            F::InsufficientBridgePermissions => (
                "Its user may not start the downstream pipeline",
                "下流パイプラインを開始する権限がありません",
            ),
            F::DownstreamBridgeProjectNotFound => (
                "The downstream project was not found",
                "下流プロジェクトが見つかりません",
            ),
            F::InvalidBridgeTrigger => (
                "What it should trigger cannot be triggered",
                "トリガーの定義が正しくありません",
            ),
            F::UpstreamBridgeProjectNotFound => {
                ("The upstream project was not found", "上流プロジェクトが見つかりません")
            }
            F::InsufficientUpstreamPermissions => (
                "Its user may not see the upstream project",
                "上流プロジェクトを参照する権限がありません",
            ),
            F::BridgePipelineIsChildPipeline => {
                ("A child pipeline may not do this", "子パイプラインからは実行できません")
            }
            F::DownstreamPipelineCreationFailed => (
                "The downstream pipeline could not be made",
                "下流パイプラインを作成できませんでした",
            ),
            F::SecretsProviderNotFound => (
                "There is no provider for its secrets",
                "シークレットの提供元がありません",
            ),
            F::ReachedMaxDescendantPipelinesDepth => (
                "There are too many levels of child pipelines",
                "子パイプラインの階層が深すぎます",
            ),
            F::IpRestrictionFailure => (
                "The network address is not allowed",
                "許可されていないネットワークアドレスです",
            ),
            F::ReachedMaxPipelineHierarchySize => (
                "There are too many pipelines in this hierarchy",
                "パイプラインの階層内の数が上限を超えました",
            ),
            F::ReachedDownstreamPipelineTriggerRateLimit => (
                "Too many downstream pipelines were started within a minute",
                "1分あたりの下流パイプライン数の上限を超えました",
            ),
            F::DuoWorkflowNotAllowed => (
                "Agent workflows are not allowed",
                "エージェントのワークフローは許可されていません",
            ),
            F::JobRouterFailure => (
                "The job could not be routed to a runner",
                "ジョブをランナーに割り当てられませんでした",
            ),
            F::JobTokenExpired => ("The job's token expired", "ジョブのトークンの期限が切れました"),
            F::StuckPendingWithMatchingRunners => (
                "No runner took the job in time, although some could have",
                "実行できるランナーはありますが、時間内に開始されませんでした",
            ),
            F::StuckPendingNoMatchingRunners => {
                ("No runner can take the job", "実行できるランナーが見つかりませんでした")
            }
            F::NoUpdatesRunning => ("The runner fell silent", "ランナーからの応答がなくなりました"),
            F::NoUpdatesCanceling => (
                "The runner fell silent while the job was being canceled",
                "キャンセル中にランナーからの応答がなくなりました",
            ),
            F::ServerTimeoutRunning => ("It ran longer than the server allows", "サーバーの制限時間を超えました"),
            F::ServerTimeoutCanceling => (
                "Canceling took longer than the server allows",
                "キャンセルがサーバーの制限時間内に終わりませんでした",
            ),
            F::RunnerConfigurationError => ("The runner's configuration is wrong", "ランナーの設定に誤りがあります"),
            F::RunnerExternalDependencyFailure => (
                "Something that the runner depends on failed",
                "ランナーが依存する外部サービスの障害です",
            ),
            F::RunnerInterrupted => ("The runner was stopped", "ランナーが停止されました"),
        };
        match self {
            Language::English => english.to_owned(),
            Language::Japanese => japanese.to_owned(),
        }
    }
}

/// The class of a status in the style sheet, which is also the name of its icon.
#[must_use]
pub const fn class(status: Status) -> &'static str {
    match status {
        Status::Created | Status::WaitingForCallback => "created",
        Status::WaitingForResource | Status::Preparing | Status::Pending => "pending",
        Status::Running | Status::Canceling => "running",
        Status::Success => "success",
        Status::Failed => "failed",
        Status::Canceled => "canceled",
        Status::Skipped => "skipped",
        Status::Manual => "manual",
        Status::Scheduled => "scheduled",
    }
}

/// An icon of the project's own set, hidden from screen readers.
#[must_use]
pub fn icon(name: &str) -> Html {
    Html::new(format!(
        "<svg class=\"icon\" aria-hidden=\"true\" viewBox=\"0 0 16 16\"><use href=\"{}#{}\"/></svg>",
        crate::assets::icons_path(),
        Escaped(name)
    ))
}

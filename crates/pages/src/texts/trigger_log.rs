//! Texts of the trigger log: what came of a call, why it was refused, and what to do about it.

use model::{Reason, TriggerOutcome};

use crate::language::Language;

texts! {
    trigger_log = "Trigger log", "トリガーログ";
    trigger_log_text = "Every call of the trigger API for this project, also those that were refused. It outlives tokens and pipelines.", "このプロジェクトへのトリガー呼び出しの記録です。拒否された呼び出しも含み、トークンやパイプラインが削除されても残ります。";
    trigger_log_empty = "Nobody has called yet", "呼び出しはまだありません";
    trigger_log_empty_text = "Calls with a trigger token of this project appear here within a second.", "このプロジェクトのトリガートークンによる呼び出しが、1秒以内にここに表示されます。";
    trigger_log_none = "No call fits these filters.", "条件に合う呼び出しはありません。";
    filter_calls = "Filter calls", "呼び出しを絞り込む";
    call_word = "Call", "呼び出し";
    from_word = "From", "呼び出し元";
    since_moment = "From", "開始";
    until_moment = "Until", "終了";
    export_csv = "Export as CSV", "CSVで書き出す";
    export_json = "Export as JSON lines", "JSON Linesで書き出す";
    calls_of_token = "Calls", "呼び出し履歴";
    job_token_of(job: impl std::fmt::Display) = "token of job #{job}", "ジョブ #{job} のトークン";
    many_calls(count: &str) = "{count} calls", "{count}回";
    repeats_entry(id: impl std::fmt::Display) = "repeats call {id}", "呼び出し {id} の再実行";
    call_number(id: impl std::fmt::Display) = "Call {id}", "呼び出し {id}";
    pipeline_deleted_word = "deleted", "削除済み";
    chain_word = "Led to by", "経路";
    another_server = "another server", "別のサーバー";
    repeat_call = "Repeat", "再実行";
    repeat_exactly = "Repeat exactly", "同じコミットで再実行";
    repeat_newest = "Repeat on newest commit", "最新のコミットで再実行";
    repeat_ask = "A new pipeline starts in your name, with the variables, inputs and payload of this call.", "この呼び出しの変数・入力・ペイロードで、あなたの名前で新しいパイプラインを開始します。";
    repeat_exactly_hint(sha: &str) = "Exactly: on commit {sha}, wherever the branch is now.", "同じコミット: ブランチの現在位置にかかわらず {sha} で実行します。";
    repeat_newest_hint(name: &str) = "Newest: on what {name} points to now.", "最新のコミット: {name} の現在のコミットで実行します。";
    call_repeated = "The call has been repeated: this is its pipeline.", "呼び出しを再実行しました。これがそのパイプラインです。";
    filter_bad_time = "A time was not understood and is left out: it is written like 2026-01-31T14:00.", "日時を読み取れなかったため無視しました。2026-01-31T14:00 のように入力してください。";
    filter_bad_choice = "Something in the address was not understood and is left out.", "アドレスの一部を読み取れなかったため無視しました。";
}

macro_rules! reasons {
    ($($reason:ident: $english:literal, $remedy:literal; $japanese:literal, $remedy_ja:literal;)+) => {
        impl Language {
            /// Why a call was refused.
            #[must_use]
            pub const fn reason(self, reason: &Reason) -> &'static str {
                match (self, reason) {
                    $((Language::English, Reason::$reason) => $english, (Language::Japanese, Reason::$reason) => $japanese,)+
                }
            }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self, reason: &Reason) -> &'static str {
                match (self, reason) {
                    $((Language::English, Reason::$reason) => $remedy, (Language::Japanese, Reason::$reason) => $remedy_ja,)+
                }
            }
        }
    };
}

reasons! {
    IdempotencyKeyReused: "The idempotency key was used before for a call with other parameters", "Send a new key with a new call, and the same parameters with the same key.";
        "冪等キーが別のパラメーターの呼び出しですでに使われています", "新しい呼び出しには新しいキーを、同じキーには同じパラメーターを使ってください。";
    NetworkNotAllowed: "The address is in none of the token's networks", "Call from one of them, or add the network to the token.";
        "トークンに許可されたネットワークからの呼び出しではありません", "許可されたネットワークから呼び出すか、トークンにネットワークを追加してください。";
    RateLimited: "The token was used too often within a minute", "Call less often, or raise the token's uses a minute.";
        "1分あたりの使用回数を超えました", "呼び出しの間隔を空けるか、トークンの1分あたりの回数を増やしてください。";
    RefNotAllowed: "The token is not for this branch or tag, or there is none of that name", "Use a ref that the token is for, or add this one to it.";
        "このトークンでは使えないブランチまたはタグか、存在しない名前です", "許可されたrefを使うか、トークンにこのrefを追加してください。";
    VariableNotAllowed: "The token is not for one of the variables", "Leave the variable out, or add its name to the token.";
        "このトークンでは渡せない変数があります", "その変数を外すか、トークンに変数名を追加してください。";
    VariableFixed: "The token has a value of its own for one of the variables", "Leave the variable out: the token brings it.";
        "トークンに固定値がある変数が渡されました", "その変数を外してください。トークンの値が使われます。";
    InputNotAllowed: "The token is not for one of the inputs", "Leave the input out, or add its name to the token.";
        "このトークンでは渡せない入力があります", "その入力を外すか、トークンに入力名を追加してください。";
    InputFixed: "The token has a value of its own for one of the inputs", "Leave the input out: the token brings it.";
        "トークンに固定値がある入力が渡されました", "その入力を外してください。トークンの値が使われます。";
    TokenExpired: "The token's time is over", "Create a token and give it to the caller.";
        "トークンの有効期限が切れています", "新しいトークンを作成し、呼び出し側に設定してください。";
    TokenReplaced: "The token was replaced, and the time of its old text is over", "Give the caller the token's new text.";
        "トークンは交換済みで、古い値の猶予期間が終わっています", "呼び出し側に新しい値を設定してください。";
    JobNotRunning: "The job of the job token does not run", "Use a job token only while its job runs.";
        "ジョブトークンのジョブが実行中ではありません", "ジョブトークンはジョブの実行中にだけ使ってください。";
    JobNotAllowed: "The job token may not be used on this project", "Add the job's project under Job token access.";
        "このプロジェクトで許可されていないジョブトークンです", "ジョブトークンのアクセスに呼び出し元のプロジェクトを追加してください。";
    ParametersInvalid: "A parameter is missing or of the wrong type", "Compare the call with the snippets on the page of the tokens.";
        "パラメーターが不足しているか、型が正しくありません", "トークンのページにある例と呼び出しを比べてください。";
    PipelineHook: "The end of a pipeline must not start the next one", "Take pipeline events out of the webhook that calls.";
        "パイプラインの終了で次のパイプラインは開始できません", "呼び出し元のWebhookからパイプラインイベントを外してください。";
    PipelinesDisabled: "The project has no CI/CD", "Switch CI/CD on for the project.";
        "このプロジェクトではCI/CDが無効です", "プロジェクトのCI/CDを有効にしてください。";
    OwnerNotPermitted: "The token's owner may not create pipelines here, or the project is archived", "Give the owner at least the Developer role, or create a token of your own.";
        "トークンの所有者にパイプラインの作成権限がないか、プロジェクトがアーカイブ済みです", "所有者にDeveloper以上のロールを与えるか、自分のトークンを作成してください。";
    RefNotPermitted: "The token's owner may not write to the protected branch or tag", "Let the owner's role push or merge there, or create a token of somebody who may.";
        "トークンの所有者は保護されたブランチまたはタグに書き込めません", "所有者のロールに書き込みを許可するか、権限のある人のトークンを使ってください。";
    RefAmbiguous: "There is a branch and a tag of that name", "Send refs/heads/… or refs/tags/….";
        "同じ名前のブランチとタグがあります", "refs/heads/… または refs/tags/… の形で指定してください。";
    RefNotFound: "There is no such branch or tag", "Push it, or correct the ref of the call.";
        "そのブランチまたはタグはありません", "プッシュするか、呼び出しのrefを直してください。";
    CommitGone: "The commit is not in the repository any more", "Repeat on the newest commit.";
        "コミットはリポジトリに残っていません", "最新のコミットで再実行してください。";
    VariablesNotPermitted: "The role of the token's owner may not bring variables", "Send inputs instead, or change who may give variables under General.";
        "トークンの所有者のロールでは変数を渡せません", "入力を使うか、一般設定で変数を渡せるロールを変更してください。";
    VariableInvalid: "A variable has a bad name, or comes twice", "Name variables with letters, digits and _, each once.";
        "変数名が正しくないか、重複しています", "英数字と _ の名前で、1つずつ指定してください。";
    InputsInvalid: "Inputs are too many, unknown or of the wrong type", "Compare them with spec:inputs of the configuration.";
        "入力が多すぎるか、未定義か、型が正しくありません", "設定の spec:inputs と比べてください。";
    ConfigMissing: "The repository has no configuration at this commit", "Add .gitlab-ci.yml, or name another file under General.";
        "このコミットに設定ファイルがありません", ".gitlab-ci.yml を追加するか、一般設定で別のファイルを指定してください。";
    ConfigInvalid: "The configuration is wrong", "Open the pipeline or the editor: they show file and line.";
        "設定に誤りがあります", "パイプラインまたはエディターでファイルと行を確認してください。";
    WorkflowRules: "workflow:rules say that there is no pipeline", "Look at the rules with the editor, as if started by a trigger.";
        "workflow:rules によりパイプラインは作成されませんでした", "エディターで起動元をトリガーにしてルールを確認してください。";
    NoJobs: "Rules left no job", "Look at the rules with the editor, as if started by a trigger.";
        "ルールの結果、実行するジョブがありませんでした", "エディターで起動元をトリガーにしてルールを確認してください。";
    ServerLimit: "A limit of the server was reached", "Try again later, or ask the administrator to raise the limit.";
        "サーバーの上限に達しました", "時間をおいて再試行するか、管理者に上限の引き上げを依頼してください。";
    Refused: "It was refused for a reason that the answer says", "Read the message that the caller got.";
        "別の理由で拒否されました（応答に記載）", "呼び出し側が受け取ったメッセージを確認してください。";
    ServerError: "A fault of the server", "Try again; if it stays, show the administrator the time of the call.";
        "サーバーの障害です", "再試行し、続く場合は時刻を管理者に伝えてください。";
}

impl Language {
    /// What came of a call.
    #[must_use]
    pub const fn outcome(self, outcome: &TriggerOutcome) -> &'static str {
        match (self, outcome) {
            (Language::English, TriggerOutcome::Accepted) => "accepted",
            (Language::English, TriggerOutcome::Refused) => "refused",
            (Language::English, TriggerOutcome::Replayed) => "answered again",
            (Language::English, TriggerOutcome::DryRun) => "dry run",
            (Language::Japanese, TriggerOutcome::Accepted) => "受理",
            (Language::Japanese, TriggerOutcome::Refused) => "拒否",
            (Language::Japanese, TriggerOutcome::Replayed) => "再応答",
            (Language::Japanese, TriggerOutcome::DryRun) => "ドライラン",
        }
    }
}

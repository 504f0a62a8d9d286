//! Messages that are said as a whole.

use super::Said;

/// Whole messages.
pub(super) const WHOLE: &[Said] = &[
    (
        "name, path are missing, at least one parameter must be provided",
        "A name or a path is needed.",
        "名前またはパスを入力してください。",
    ),
    (
        "Reference not found",
        "There is no such branch or tag. Push it first, or choose another.",
        "そのブランチまたはタグはありません。先にプッシュするか、別のものを選んでください。",
    ),
    (
        "Ref is ambiguous",
        "There is a branch and a tag of that name: write refs/heads/… or refs/tags/….",
        "同じ名前のブランチとタグがあります。refs/heads/… または refs/tags/… の形で指定してください。",
    ),
    (
        "The branch or tag does not exist",
        "There is no such branch or tag.",
        "そのブランチまたはタグはありません。",
    ),
    (
        "Missing CI config file",
        "There is no .gitlab-ci.yml at this commit. Add one, or name another file in the project's settings.",
        "このコミットに .gitlab-ci.yml がありません。追加するか、プロジェクトの設定で別のファイルを指定してください。",
    ),
    (
        "Local file `{}` is empty!",
        "The file {} is empty.",
        "ファイル {} は空です。",
    ),
    (
        "Pipelines are disabled!",
        "CI/CD is switched off for this project.",
        "このプロジェクトではCI/CDが無効です。",
    ),
    (
        "There cannot be more than 20 inputs",
        "A pipeline takes at most 20 inputs.",
        "入力は20個までです。",
    ),
    (
        "Insufficient permissions to create a new pipeline",
        "You may not start pipelines here, or the project is archived. Ask a Maintainer.",
        "パイプラインを開始する権限がないか、プロジェクトがアーカイブされています。Maintainerに依頼してください。",
    ),
    (
        "Insufficient permissions to set pipeline variables",
        "Your role may not give variables to a pipeline. Leave them out, or ask a Maintainer.",
        "あなたのロールではパイプラインに変数を渡せません。変数を外すか、Maintainerに依頼してください。",
    ),
    (
        "Insufficient permissions to set pipeline inputs",
        "You may not give inputs to a pipeline. Leave them out, or ask a Maintainer.",
        "パイプラインに入力を渡せません。入力を外すか、Maintainerに依頼してください。",
    ),
    (
        "You do not have sufficient permission to run a pipeline on '{}'. Please select a different branch or contact your administrator for assistance.",
        "{} is protected: your role may not run pipelines on it. Choose another branch, or ask a Maintainer.",
        "{} は保護されており、あなたのロールでは実行できません。別のブランチを選ぶか、Maintainerに依頼してください。",
    ),
    (
        "The pipeline did not run. Review the workflow:rules configuration for the pipeline.",
        "workflow:rules say that there is no pipeline for this.",
        "workflow:rules により、この条件ではパイプラインは作成されません。",
    ),
    (
        "The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.",
        "Rules leave no job for this. Look at them with the editor.",
        "ルールの結果、実行するジョブがありません。エディターでルールを確認してください。",
    ),
    (
        "Too many pipelines created in the last minute. Try again later.",
        "Too many pipelines were started within a minute. Try again in a minute.",
        "1分間に開始されたパイプラインが多すぎます。1分後にもう一度お試しください。",
    ),
    (
        "Duplicate variable name: {}",
        "The variable {} is there twice.",
        "変数 {} が重複しています。",
    ),
    (
        "Duplicate variable names: {}",
        "These variables are there twice: {}.",
        "次の変数が重複しています: {}",
    ),
    (
        "Failed to build pipeline variables: {}",
        "A variable is not valid: {}",
        "変数が正しくありません: {}",
    ),
    (
        "`{}` input: {} value is not a number",
        "{} must be a number.",
        "{} には数値を入力してください。",
    ),
    (
        "`{}` input: {} value is not a boolean",
        "{} must be true or false.",
        "{} は true か false にしてください。",
    ),
    (
        "`{}` input: {} value is not an array",
        "{} must be a JSON array, such as [\"a\", \"b\"].",
        "{} はJSON配列（例: [\"a\", \"b\"]）にしてください。",
    ),
    (
        "`{}` input: {} value is not a string",
        "{} must be a text.",
        "{} は文字列にしてください。",
    ),
    (
        "`{}` input: required value has not been provided",
        "{} is required.",
        "{} は必須です。",
    ),
    (
        "`{}` input: `{}` cannot be used because it is not in the list of allowed options",
        "{} may not be {}: choose one of the options.",
        "{} に「{}」は選べません。一覧から選んでください。",
    ),
    (
        "`{}` input: `{}` cannot be used because it is not in the list of the allowed options",
        "{} may not be {}: choose one of the options.",
        "{} に「{}」は選べません。一覧から選んでください。",
    ),
    (
        "`{}` input: {} value does not match required RegEx pattern",
        "{} does not have the form that is asked for.",
        "{} の形式が正しくありません。",
    ),
    (
        "`{}`: unknown input arguments: {}",
        "{} does not know these inputs: {}",
        "{} に定義されていない入力があります: {}",
    ),
    (
        "unknown input arguments: {}",
        "These inputs are not known: {}",
        "定義されていない入力があります: {}",
    ),
    (
        "Unplayable Job",
        "This job cannot be started now: it runs, has ended or waits for others. Reload its page.",
        "このジョブは今は開始できません（実行中、終了済み、または待機中）。ページを再読み込みしてください。",
    ),
    (
        "Job is not retryable",
        "This job cannot run again: it has not ended, or a newer attempt is there.",
        "このジョブは再実行できません（未終了、または新しい試行があります）。",
    ),
    (
        "Job is not erasable!",
        "There is nothing to erase, or the job still runs.",
        "消去するものがないか、ジョブが実行中です。",
    ),
    (
        "Unable to schedule pipeline run immediately",
        "The schedule cannot run now: try again in a minute, and look whether its owner may run on its branch.",
        "今は実行できません。1分後にもう一度試し、所有者にそのブランチでの実行権限があるか確認してください。",
    ),
    (
        "Member already exists",
        "Is a member already. Change the role in the list.",
        "すでにメンバーです。一覧でロールを変更してください。",
    ),
    (
        "Maximum number of {} ({}) exceeded",
        "There can be at most {1} of these here. Remove one first.",
        "ここに登録できるのは最大{1}件です。先にどれかを削除してください。",
    ),
    (
        "Protected branch '{}' already exists",
        "{} is protected already. Remove the protection first to change it.",
        "{} はすでに保護されています。変更するには先に保護を解除してください。",
    ),
    (
        "Protected tag '{}' already exists",
        "{} is protected already. Remove the protection first to change it.",
        "{} はすでに保護されています。変更するには先に保護を解除してください。",
    ),
    (
        "Invalid url given",
        "The address is not valid, or this server may not call it: private and local addresses are closed until the administrator opens them.",
        "アドレスが正しくないか、このサーバーからは呼び出せません（プライベートアドレスは管理者の許可が必要です）。",
    ),
    (
        "Invalid branch filter given",
        "The filter for branches is not valid.",
        "ブランチの条件が正しくありません。",
    ),
    (
        "Custom headers validation failed",
        "A further header is not valid: one a line, Name: value.",
        "追加ヘッダーが正しくありません。1行に1つ「名前: 値」で指定してください。",
    ),
    (
        "Url variables must be a name of a-z, 0-9 and _ with a value",
        "Variables of the address have names of a-z, 0-9 and _, and a value.",
        "アドレスの変数は a-z・0-9・_ の名前と値で指定してください。",
    ),
    (
        "Token is invalid",
        "The secret token has characters that a header cannot have.",
        "シークレットトークンに使えない文字があります。",
    ),
    (
        "Signing token must be `whsec_` and the base64 of 32 bytes",
        "The signing token must be whsec_ and the base64 of 32 bytes.",
        "署名トークンは whsec_ と32バイトのbase64にしてください。",
    ),
    (
        "Email has already been taken",
        "Somebody has this email address already.",
        "このメールアドレスはすでに使われています。",
    ),
    (
        "Username has already been taken",
        "Somebody has this user name already.",
        "このユーザー名はすでに使われています。",
    ),
    (
        "You cannot block your own account",
        "You cannot block your own account.",
        "自分自身をブロックすることはできません。",
    ),
    (
        "Target project is already in the job token scope",
        "It is on the list already.",
        "すでに登録されています。",
    ),
    (
        "Target project can't be the same as the source project",
        "A project's own jobs may always reach it.",
        "自分自身のジョブは常に許可されています。",
    ),
    (
        "The hook acts as the owner of its trigger token; only that user may change it",
        "The hook acts as the owner of its trigger token: only that user may change it.",
        "トリガートークンの所有者の権限で動作するため、変更できるのはその所有者だけです。",
    ),
    (
        "this call made no pipeline, so nothing of it was kept",
        "This call made no pipeline, so nothing of it was kept. Have its sender call again.",
        "この呼び出しはパイプラインを作成しておらず、内容は保存されていません。呼び出し側から再送してください。",
    ),
    (
        "the commit {} is not in the repository any more",
        "The commit {} is not in the repository any more. Repeat the call on the newest commit.",
        "コミット {} はリポジトリに残っていません。最新のコミットで再実行してください。",
    ),
    (
        "Could not set the default branch",
        "There is no such branch to be the default.",
        "そのブランチはないため、デフォルトにできません。",
    ),
    (
        "The request requires higher privileges than provided by the access token.",
        "The access token does not allow this.",
        "アクセストークンの権限が足りません。",
    ),
    (
        "This endpoint has been requested too many times. Try again later.",
        "Too many requests. Try again later.",
        "リクエストが多すぎます。時間をおいてお試しください。",
    ),
    (
        "Only new variables can be set as masked and hidden.",
        "Only new variables can be hidden. Remove this one and add it anew.",
        "非表示にできるのは新しい変数だけです。一度削除して追加し直してください。",
    ),
    (
        "You cannot unassign a runner from the owner project. Delete the runner instead",
        "The runner belongs to this project: delete it instead.",
        "このランナーはこのプロジェクトに属しています。代わりに削除してください。",
    ),
    (
        "409 Conflict",
        "Somebody changed it at the same time. Reload the page and try again.",
        "同時に変更されました。ページを再読み込みしてもう一度お試しください。",
    ),
    (
        "Cannot destroy running deployment",
        "A deployment that runs cannot be removed.",
        "実行中のデプロイは削除できません。",
    ),
    (
        "Validation failed: {}",
        "Something is not valid: {}",
        "入力に誤りがあります: {}",
    ),
];

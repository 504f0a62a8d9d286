//! What use cases refuse, said to people: GitLab's words for programs, with what to do, in both languages.
//!
//! `{}` in a pattern stands for any text, which goes to the same place of the translation. What no pattern fits is
//! said as it is.

use crate::language::Language;

/// A message of a use case, and how it is said in English and Japanese.
type Said = (&'static str, &'static str, &'static str);

/// What is wrong with a field; read after the field's name.
const OF_FIELDS: &[Said] = &[
    ("can't be blank", "must not be empty", "を入力してください"),
    (
        "is too long (maximum is {} characters)",
        "is too long: at most {} characters",
        "が長すぎます（最大{}文字）",
    ),
    (
        "is too short (minimum is {} characters)",
        "is too short: at least {} characters",
        "が短すぎます（{}文字以上）",
    ),
    (
        "has already been taken",
        "is taken already: choose another",
        "はすでに使われています。別のものを選んでください",
    ),
    (
        "({}) has already been taken",
        "{} is there already: remove it first, or choose another",
        "「{}」はすでにあります。先に削除するか、別の名前にしてください",
    ),
    ("is invalid", "is not valid", "が正しくありません"),
    ("is invalid syntax", "is not understood", "を解釈できません"),
    ("is not valid", "is not valid", "が正しくありません"),
    (
        "is where the project is already",
        "is where the project is already",
        "は現在と同じです",
    ),
    ("is wrong", "is wrong", "が違います"),
    (
        "{} is a reserved name",
        "must not be {}: that name is reserved",
        "に「{}」は使えません（予約語）",
    ),
    (
        "can contain only letters, digits, emoji, '_', '.', '+', dashes, or spaces. It must start with a letter, digit, emoji, or '_'.",
        "may have letters, digits, emoji, _ . + - and blanks, and begins with a letter, digit, emoji or _",
        "に使えるのは文字・数字・絵文字・_ . + - と空白だけで、先頭は文字・数字・絵文字・_ です",
    ),
    (
        "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'.",
        "may have letters, digits, _ - and . ; it does not begin with - and does not end in .git or .atom",
        "に使えるのは英数字と _ - . だけです（先頭の - と末尾の .git / .atom は不可）",
    ),
    (
        "can contain only letters, digits and '_'.",
        "may have letters, digits and _ only",
        "に使えるのは英数字と _ だけです",
    ),
    (
        "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', '*' and spaces",
        "may have letters, digits, blanks and - _ / $ { } . * only",
        "に使えるのは英数字・空白と - _ / $ { } . * だけです",
    ),
    (
        "The value of the provided variable exceeds the {} character limit",
        "is too long: at most {} characters",
        "が長すぎます（最大{}文字）",
    ),
    ("must be before {}", "must be before {}", "は {} より前にしてください"),
    (
        "must be in the future",
        "must lie in the future",
        "は未来の日時にしてください",
    ),
    (
        "must be between {} and {}",
        "must be between {} and {}",
        "は {}〜{} の範囲にしてください",
    ),
    (
        "needs to be at least {} minutes",
        "needs to be at least {} minutes",
        "は{}分以上にしてください",
    ),
    (
        "needs to be between 10 minutes and 1 month",
        "needs to be between 10 minutes and a month",
        "は10分〜1か月の範囲にしてください",
    ),
    (
        "has too many entries (maximum is {})",
        "has too many entries: at most {}",
        "の項目が多すぎます（最大{}件）",
    ),
    (
        "has an entry that is too long (maximum is {} bytes)",
        "has an entry that is too long: at most {} bytes",
        "に長すぎる項目があります（最大{}バイト）",
    ),
    (
        "has an entry with more than {} `*`",
        "has an entry with more than {} *",
        "に * が{}個を超える項目があります",
    ),
    (
        "has an entry with control characters",
        "has an entry with control characters",
        "に制御文字を含む項目があります",
    ),
    (
        "must have an entry; null takes the limit away",
        "must have an entry",
        "を1つ以上指定してください",
    ),
    (
        "has a name that is not 1 to 255 letters, digits and '_'",
        "has a name that is not 1 to 255 letters, digits and _",
        "に使えない名前があります（英数字と _ を1〜255文字）",
    ),
    (
        "has a name that is empty or too long",
        "has a name that is empty or too long",
        "に空または長すぎる名前があります",
    ),
    (
        "has a value that is too long (maximum is {} bytes)",
        "has a value that is too long: at most {} bytes",
        "に長すぎる値があります（最大{}バイト）",
    ),
    ("has `{}` twice", "has {} twice", "に「{}」が2回あります"),
    (
        "`{}` is no network; expected `ADDRESS` or `ADDRESS/BITS`, as `10.0.0.0/8` or `2001:db8::/32`",
        "{} is no network: write 10.0.0.0/8 or 2001:db8::/32",
        "「{}」はネットワークではありません（例: 10.0.0.0/8、2001:db8::/32）",
    ),
    (
        "exceed the limit of {}.",
        "are too many: at most {}",
        "が多すぎます（最大{}件）",
    ),
    (
        "can only contain available scopes",
        "must be some of those that are offered",
        "は一覧から選んでください",
    ),
    (
        "does not have a valid value",
        "has a value that is not offered",
        "は一覧から選んでください",
    ),
    (
        "can not be empty when runner is not allowed to pick untagged jobs",
        "must not be empty when the runner takes no jobs without tags",
        "を入力してください（タグのないジョブを実行しない場合は必須です）",
    ),
    ("is missing", "is missing", "を入力してください"),
    (
        "{} is not allowed in a {} group",
        "{} is not allowed in a {} group",
        "に {} は選べません（グループは {}）",
    ),
    (
        "must be a line or an object",
        "must be a line",
        "の書き方が正しくありません",
    ),
    ("line {}: {}", "line {}: {}", "{}行目: {}"),
];

/// Whole messages.
const WHOLE: &[Said] = &[
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

/// Names of fields, as people read them.
const FIELDS: &[Said] = &[
    ("name", "Name", "名前"),
    ("path", "Path", "パス"),
    ("description", "Description", "説明"),
    ("expires_at", "Expiry", "有効期限"),
    ("key", "Key", "キー"),
    ("value", "Value", "値"),
    ("url", "Address", "アドレス"),
    ("username", "User name", "ユーザー名"),
    ("email", "Email", "メールアドレス"),
    ("password", "Password", "パスワード"),
    ("current_password", "Present password", "現在のパスワード"),
    ("scopes", "Scopes", "スコープ"),
    ("cron", "Line", "cron式"),
    ("cron_timezone", "Time zone", "タイムゾーン"),
    ("ref", "Branch or tag", "ブランチまたはタグ"),
    ("git_ref", "Branch or tag", "ブランチまたはタグ"),
    ("ref_path", "Place of the ref", "refの場所"),
    ("inputs", "Inputs", "入力"),
    ("variables", "Variables", "変数"),
    ("filters", "Conditions", "条件"),
    ("secret", "Secret", "シークレット"),
    ("environment_scope", "Environments", "環境"),
    ("allowed_refs", "Branches and tags", "ブランチとタグ"),
    ("allowed_variables", "Variables it may bring", "渡せる変数"),
    ("allowed_inputs", "Inputs it may bring", "渡せる入力"),
    ("allowed_networks", "Networks", "ネットワーク"),
    ("fixed_variables", "Fixed variables", "固定の変数"),
    ("fixed_inputs", "Fixed inputs", "固定の入力"),
    ("max_uses_per_minute", "Uses a minute", "1分あたりの回数"),
    ("access_level", "Role", "ロール"),
    ("visibility_level", "Visibility", "公開範囲"),
    ("visibility", "Visibility", "公開範囲"),
    ("namespace", "Group or user", "グループまたはユーザー"),
    ("namespace_id", "Group or user", "グループまたはユーザー"),
    ("build_timeout", "Timeout of a job", "ジョブの制限時間"),
    ("maximum_timeout", "Timeout", "制限時間"),
    ("ci_config_path", "Configuration file", "設定ファイル"),
    ("default_branch", "Default branch", "デフォルトブランチ"),
    ("tags_list", "Tags", "タグ"),
    ("commit", "Commit", "コミット"),
];

impl Language {
    /// Says a message of a use case.
    #[must_use]
    pub fn refusal(self, message: &str) -> String {
        let message = message.strip_prefix("400 Bad request - ").unwrap_or(message);
        if let Some(said) = self.translated(WHOLE, message) {
            return said;
        }
        // Configurations say in front which file they mean.
        if let Some((file, rest)) = message.split_once("`: ")
            && file.starts_with('`')
            && let Some(said) = self.translated(WHOLE, rest)
        {
            return said;
        }
        match message.split_once(' ') {
            Some((field, text)) if FIELDS.iter().any(|(name, ..)| *name == field) => self.problem_of(field, text),
            _ => self
                .translated(OF_FIELDS, message)
                .unwrap_or_else(|| message.to_owned()),
        }
    }

    /// Says what is wrong with a field, with the field's name in front.
    #[must_use]
    pub fn problem_of(self, field: &str, message: &str) -> String {
        if field == "base" {
            return self.refusal(message);
        }
        let (name, problem) = (self.field_name(field), self.problem(message));
        match self {
            Language::English => format!("{name} {problem}"),
            Language::Japanese if problem.starts_with('「') || problem.starts_with(|c: char| c.is_ascii()) => {
                format!("{name}: {problem}")
            }
            Language::Japanese => format!("{name}{problem}"),
        }
    }

    /// The name of a field.
    #[must_use]
    pub fn field_name(self, field: &str) -> String {
        let found = FIELDS.iter().find(|(name, ..)| *name == field);
        match (found, self) {
            (Some((_, english, _)), Language::English) => (*english).to_owned(),
            (Some((.., japanese)), Language::Japanese) => (*japanese).to_owned(),
            (None, _) => field.replace('_', " "),
        }
    }

    fn problem(self, message: &str) -> String {
        let message = message.trim();
        let known = self
            .translated(OF_FIELDS, message)
            .or_else(|| self.translated(WHOLE, message));
        known.unwrap_or_else(|| message.to_owned())
    }

    fn translated(self, table: &[Said], message: &str) -> Option<String> {
        table.iter().find_map(|(pattern, english, japanese)| {
            let parts = fit(pattern, message)?;
            Some(fill(if self == Language::English { english } else { japanese }, &parts))
        })
    }
}

/// The texts that stand for `{}` when a message fits a pattern.
fn fit<'a>(pattern: &str, message: &'a str) -> Option<Vec<&'a str>> {
    let mut literals = pattern.split("{}");
    let mut rest = message.strip_prefix(literals.next()?)?;
    let mut parts = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        let at = if literals.peek().is_none() {
            rest.len()
                .checked_sub(literal.len())
                .filter(|at| rest.is_char_boundary(*at) && rest[*at..] == *literal)?
        } else {
            rest.find(literal)?
        };
        parts.push(&rest[..at]);
        rest = &rest[at + literal.len()..];
    }
    rest.is_empty().then_some(parts)
}

/// Puts texts into the places of a translation: in turn, or by number. Places that a text brings stay as they are.
fn fill(text: &str, parts: &[&str]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut next) = (text, 0);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some((number, behind)) = after
            .split_once('}')
            .filter(|(inner, _)| inner.bytes().all(|b| b.is_ascii_digit()))
        else {
            out.push('{');
            rest = after;
            continue;
        };
        let index = number.parse().unwrap_or(next);
        out.push_str(parts.get(index).copied().unwrap_or_default());
        next = index + 1;
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_said_with_what_they_name() {
        for (message, english, japanese) in [
            (
                "name can't be blank",
                "Name must not be empty",
                "名前を入力してください",
            ),
            (
                "description is too long (maximum is 255 characters)",
                "Description is too long: at most 255 characters",
                "説明が長すぎます（最大255文字）",
            ),
            (
                "key (A) has already been taken",
                "Key A is there already: remove it first, or choose another",
                "キー: 「A」はすでにあります。先に削除するか、別の名前にしてください",
            ),
            (
                "400 Bad request - Reference not found",
                "There is no such branch or tag. Push it first, or choose another.",
                "そのブランチまたはタグはありません。先にプッシュするか、別のものを選んでください。",
            ),
            (
                "`.gitlab-ci.yml`: `version` input: provided value is not a number",
                "version must be a number.",
                "version には数値を入力してください。",
            ),
            (
                "Maximum number of pipeline triggers (10) exceeded",
                "There can be at most 10 of these here. Remove one first.",
                "ここに登録できるのは最大10件です。先にどれかを削除してください。",
            ),
            ("something new", "something new", "something new"),
        ] {
            assert_eq!(Language::English.refusal(message), english);
            assert_eq!(Language::Japanese.refusal(message), japanese);
        }
    }

    #[test]
    fn every_place_of_a_translation_is_filled() {
        for (pattern, english, japanese) in OF_FIELDS.iter().chain(WHOLE) {
            let count = pattern.matches("{}").count();
            let parts: Vec<String> = (0..count).map(|index| format!("<{index}>")).collect();
            let message = parts
                .iter()
                .fold((*pattern).to_owned(), |text, part| text.replacen("{}", part, 1));
            assert_eq!(
                fit(pattern, &message).map(|found| found.len()),
                Some(count),
                "{pattern}"
            );
            for said in [english, japanese] {
                let filled = fill(said, &parts.iter().map(String::as_str).collect::<Vec<_>>());
                assert!(!filled.contains("{}"), "{filled}");
                assert!(said.matches("{}").count() <= count, "{said}");
            }
            let is_japanese = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
            assert!(
                *pattern == "line {}: {}" || japanese.contains(is_japanese),
                "{japanese}"
            );
        }
    }

    #[test]
    fn texts_of_users_are_not_taken_for_places() {
        assert_eq!(fill("a {} b {}", &["{}", "{1}"]), "a {} b {1}");
        assert_eq!(fit("a {} b", "a é b"), Some(vec!["é"]));
        assert_eq!(fit("a {} b", "a b"), None);
    }
}

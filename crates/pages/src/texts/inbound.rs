//! Texts of inbound webhooks.

use crate::language::Language;

texts! {
    inbound_hooks = "Inbound webhooks", "受信Webhook";
    inbound_hooks_text = "Addresses at which other systems' webhooks start pipelines here: verified, filtered, and with fields of the payload as inputs and variables.", "他のシステムのWebhookでパイプラインを開始するためのアドレスです。署名を検証し、条件で絞り込み、ペイロードの値を入力や変数として渡します。";
    no_inbound_hooks = "No inbound webhook yet.", "受信Webhookはまだありません。";
    add_inbound_hook = "Add inbound webhook", "受信Webhookを追加";
    edit_inbound_hook = "Inbound webhook", "受信Webhook";
    inbound_hook_added = "The inbound webhook has been added.", "受信Webhookを追加しました。";
    inbound_hook_deleted = "The inbound webhook is gone.", "受信Webhookを削除しました。";
    inbound_hook_delete_ask = "Deliveries to its address will be refused from now on.", "このアドレスへの配信は今後拒否されます。";
    secret_once = "This is its secret. Copy it now: it is shown this once.", "これがシークレットです。今すぐコピーしてください。一度しか表示されません。";
    sender_word = "Sender", "送信元";
    acts_as = "Acts as", "権限の持ち主";
    only_owner_changes = "It acts as the owner of its trigger token: only that user may change it.", "トリガートークンの所有者の権限で動作するため、変更できるのはその所有者だけです。";
    switched_on = "on", "有効";
    switched_off = "off", "無効";
    inbound_enabled = "Deliveries start pipelines", "配信でパイプラインを開始する";
    inbound_ref = "Branch or tag", "ブランチまたはタグ";
    inbound_ref_hint = "Empty for the default branch", "空欄の場合はデフォルトブランチ";
    inbound_ref_path = "Or where the payload names it", "またはペイロード内の場所";
    inbound_ref_path_hint = "For example ref, or push.changes.0.new.name", "例：ref、push.changes.0.new.name";
    inbound_filters = "Conditions", "条件";
    inbound_filters_hint = "One a line, all must hold: ref starts_with refs/heads/ · header:X-GitHub-Event in push, release · action not_equals deleted", "1行に1つ、すべてを満たす必要があります：ref starts_with refs/heads/ · header:X-GitHub-Event in push, release · action not_equals deleted";
    inbound_inputs = "Inputs", "入力";
    inbound_inputs_hint = "One a line: version = release.tag_name · count:number = spec.count ?? 1 · author? = sender.login", "1行に1つ：version = release.tag_name · count:number = spec.count ?? 1 · author? = sender.login";
    inbound_variables = "Variables", "変数";
    inbound_variables_hint = "One a line: PUSHER = pusher.name", "1行に1つ：PUSHER = pusher.name";
    inbound_pass_payload = "Jobs find the payload in the file $TRIGGER_PAYLOAD", "ジョブにペイロードをファイル $TRIGGER_PAYLOAD として渡す";
    inbound_secret = "Secret", "シークレット";
    inbound_secret_new_hint = "Empty: one is made up and shown once.", "空欄の場合は自動生成し、一度だけ表示します。";
    inbound_secret_hint = "Empty: it stays as it is. The one before is good for another day.", "空欄の場合は変更しません。以前のものは1日間有効です。";
    inbound_rotate = "Make up another secret", "新しいシークレットを生成する";
    inbound_new_address = "Give it another address", "新しいアドレスにする";
    previous_secret_until = "The previous secret is good until", "以前のシークレットの有効期限";
    inbound_setup = "At the sender", "送信元での設定";
    inbound_setup_url = "Give this address to the sender:", "送信元に次のアドレスを設定します：";
    inbound_steps_github = "Repository › Settings › Webhooks › Add webhook. Content type application/json, the secret as Secret, and the events that you want.", "リポジトリの Settings › Webhooks › Add webhook。Content type は application/json、Secret にシークレットを入れ、必要なイベントを選びます。";
    inbound_steps_gitea = "Repository › Settings › Webhooks › Add webhook. Method POST, content type application/json, the secret as Secret.", "リポジトリの Settings › Webhooks › Add webhook。メソッドは POST、Content type は application/json、Secret にシークレットを入れます。";
    inbound_steps_bitbucket = "Repository settings › Webhooks › Add webhook. The secret as Secret, and the triggers that you want.", "Repository settings › Webhooks › Add webhook。Secret にシークレットを入れ、必要なトリガーを選びます。";
    inbound_steps_gitlab = "Project › Settings › Webhooks. A secret that begins with whsec_ as Signing token, any other as Secret token.", "プロジェクトの Settings › Webhooks。whsec_ で始まるものは Signing token に、それ以外は Secret token に入れます。";
    inbound_steps_standard = "Anything that signs as Standard Webhooks does: the secret, with whsec_, as its signing secret.", "Standard Webhooks 方式で署名するシステム：whsec_ を含むシークレットを署名用に設定します。";
    inbound_steps_generic = "Send JSON with POST, and the secret as Authorization: Bearer, as X-Tripline-Token, or as ?token= behind the address.", "POST で JSON を送り、シークレットを Authorization: Bearer、X-Tripline-Token、またはアドレスの末尾の ?token= で渡します。";
    received_deliveries = "Received", "受信した配信";
    received_deliveries_text = "The newest 500, without payloads.", "最新の500件（ペイロードは保存しません）。";
    nothing_received = "Nothing has arrived yet.", "まだ何も届いていません。";
    outcome_word = "Outcome", "結果";
    reason_word = "Reason", "理由";
    outcome_triggered = "started", "開始";
    outcome_replayed = "repeated", "再送";
    outcome_filtered = "filtered", "対象外";
    outcome_refused = "refused", "拒否";
    outcome_unauthorized = "not proven", "認証失敗";
}

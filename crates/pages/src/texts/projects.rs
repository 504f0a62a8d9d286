//! Texts of projects and groups.

use crate::language::Language;

texts! {
    projects = "Projects", "プロジェクト";
    new_project = "New project", "新しいプロジェクト";
    search_projects = "Find a project", "プロジェクトを検索";
    no_projects = "No project here yet.", "プロジェクトはまだありません。";
    no_projects_found = "No project has that in its name.", "該当するプロジェクトはありません。";
    last_pipeline = "Last pipeline", "最新のパイプライン";
    no_pipeline_yet = "no pipeline yet", "パイプラインなし";
    active = "Active", "更新";
    project_name = "Project name", "プロジェクト名";
    project_path = "Path in the address", "アドレスのパス";
    project_path_hint = "Made from the name when left empty.", "空欄の場合は名前から作成されます。";
    namespace_word = "Group or user", "グループまたはユーザー";
    visibility_word = "Visibility", "公開範囲";
    visibility_private_hint = "Members only.", "メンバーのみ。";
    visibility_internal_hint = "Everybody who is signed in.", "サインインしているすべてのユーザー。";
    visibility_public_hint = "Everybody.", "すべての人。";
    create_project = "Create project", "プロジェクトを作成";
    push_an_existing = "Push an existing repository", "既存のリポジトリをプッシュ";
    clone_it = "Clone", "クローン";
    push_hint = "User name: yours. Password: an access token with the scope write_repository.", "ユーザー名はあなたのもの、パスワードには write_repository スコープを持つアクセストークンを使います。";
    make_a_token = "Make an access token", "アクセストークンを作成";
    empty_repository = "The repository is empty", "リポジトリは空です";
    empty_repository_text = "Push a repository with a .gitlab-ci.yml and its first pipeline starts by itself.", ".gitlab-ci.yml を含むリポジトリをプッシュすると、最初のパイプラインが自動的に始まります。";
    latest_pipelines = "Latest pipelines", "最近のパイプライン";
    default_branch = "Default branch", "デフォルトブランチ";
    project_id = "Project ID", "プロジェクトID";
    archived = "archived", "アーカイブ済み";
    trigger_address = "Trigger address", "トリガーのアドレス";
    members_of_group = "Members of this group", "このグループのメンバー";
    no_members = "Nobody is a member by name.", "個別に追加されたメンバーはいません。";
    transfer_project = "Move project", "プロジェクトを移動";
    transfer_to = "Group or user", "移動先のグループまたはユーザー";
    transfer_ask(path: &str) = "Its address changes, and with it that of its repository: addresses of {path} stop working. Its id and trigger addresses stay. Type its path to go on.", "プロジェクトとリポジトリのアドレスが変わり、{path} のアドレスは使えなくなります。IDとトリガーのアドレスは変わりません。続けるにはパスを入力してください。";
    transfer_nowhere = "There is no other group in which you may create projects.", "プロジェクトを作成できる他のグループがありません。";
    project_transferred = "The project has been moved.", "プロジェクトを移動しました。";
    members_of_project = "Members of this project", "このプロジェクトのメンバー";
    add_member = "Add a member", "メンバーを追加";
    user_word = "User", "ユーザー";
    username = "User name", "ユーザー名";
    since = "Since", "参加日";
    inherited = "inherited", "継承";
    member_added(name: &str) = "{name} belongs to the project now.", "{name}をプロジェクトに追加しました。";
    member_removed = "Removed from the project.", "プロジェクトから削除しました。";
    member_changed = "The role has been changed.", "ロールを変更しました。";
    no_such_user = "There is no user of that name.", "その名前のユーザーはいません。";
    remove_member_ask(name: &str) = "Remove {name} from this project? Their trigger tokens of it stop working.", "{name}をこのプロジェクトから削除しますか？ そのユーザーのトリガートークンは使えなくなります。";
    group_of(path: &str) = "Projects of {path}", "{path} のプロジェクト";
}

//! Texts of artifacts.

use crate::language::Language;

texts! {
    browse = "Browse", "閲覧";
    artifacts_of(job: &str) = "Artifacts of {job}", "{job} の成果物";
    folder = "Folder", "フォルダー";
    size_word = "Size", "サイズ";
    keep_artifacts = "Keep", "保持する";
    artifacts_kept = "The artifacts are kept.", "成果物を保持します。";
    download_all = "Download all", "すべてダウンロード";
    file_raw = "As it is", "そのまま表示";
    empty_folder = "There is nothing in this folder.", "このフォルダーには何もありません。";
    more_files(count: impl std::fmt::Display) = "Only the first {count} are shown; the archive has all of them.", "先頭の{count}件のみ表示しています。すべて見るにはアーカイブをダウンロードしてください。";
    file_too_large = "The file is too large to be shown here.", "ファイルが大きいため、ここには表示できません。";
    file_not_text = "This is not a text: download it to look at it.", "テキストではありません。ダウンロードして確認してください。";
}

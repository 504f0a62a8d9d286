//! Texts of schedules.

use crate::language::Language;

texts! {
    schedules = "Schedules", "スケジュール";
    schedules_text = "Pipelines that start by themselves at certain times, in the name of their owner.", "決まった時刻に、所有者の権限で自動的に開始されるパイプラインです。";
    new_schedule = "New schedule", "新しいスケジュール";
    edit_schedule = "Edit schedule", "スケジュールを編集";
    create_schedule = "Create schedule", "スケジュールを作成";
    no_schedules = "No schedule yet", "スケジュールはまだありません";
    no_schedules_text = "A schedule starts a pipeline every night, every Monday, or whenever else a cron line can say.", "毎晩、毎週月曜日など、cron形式で指定した時刻にパイプラインを開始できます。";
    no_schedules_here = "No schedule of this kind.", "該当するスケジュールはありません。";
    is_active = "Active", "有効";
    is_inactive = "Inactive", "無効";
    schedule_active_hint = "Runs at its times", "指定した時刻に実行する";
    cron_word = "When (cron)", "実行時刻（cron）";
    cron_hint = "Minute, hour, day, month, weekday: 0 3 * * 1-5 is every working day at 3:00. @daily and @hourly work as well.", "分 時 日 月 曜日。0 3 * * 1-5 は平日の3時です。@daily や @hourly も使えます。";
    cron_problem = "This is not a cron line: expected five fields, e.g. 0 3 * * *", "cron形式ではありません。5つの項目が必要です（例: 0 3 * * *）";
    cron_zone = "Time zone of these times", "この時刻のタイムゾーン";
    next_run = "Next run", "次回の実行";
    next_runs = "Next runs", "次回以降の実行";
    next_runs_here = "In your time zone:", "あなたのタイムゾーンでの時刻：";
    never_runs = "never", "実行されません";
    show_next_runs = "Show the next runs", "次回以降の実行を表示";
    last_pipeline_word = "Last pipeline", "最新のパイプライン";
    take_ownership = "Take ownership", "所有者になる";
    take_ownership_ask = "Its pipelines will run in your name and with your access from now on.", "今後、パイプラインはあなたの名前と権限で実行されます。";
    play_schedule = "Run now", "今すぐ実行";
    schedule_played = "The pipeline of the schedule has been started.", "スケジュールのパイプラインを開始しました。";
    schedule_created = "The schedule has been created.", "スケジュールを作成しました。";
    schedule_taken = "You own the schedule now.", "スケジュールの所有者になりました。";
    schedule_deleted = "The schedule is gone.", "スケジュールを削除しました。";
    schedule_delete_ask(what: &str) = "“{what}” will start no more pipelines. Those it has started stay.", "「{what}」はパイプラインを開始しなくなります。開始済みのパイプラインは残ります。";
    schedule_variables = "Variables of the schedule", "スケジュールの変数";
    schedule_variables_text = "Given to every pipeline that the schedule starts.", "このスケジュールが開始するすべてのパイプラインに渡されます。";
    schedule_of_nobody = "nobody", "なし";
    no_owner_hint = "Its owner is gone: somebody must take ownership before it runs again.", "所有者が存在しません。再び実行するには、誰かが所有者になる必要があります。";
}

//! What scripts see and what their ends mean.

use crate::fake::{Fake, job, set, step, variable};
use wire::runner::{Image, Input, InputValue, Variable};

#[tokio::test]
async fn a_good_script_is_echoed_and_succeeds() {
    let fake = Fake::start().await;
    let ended = fake
        .run(job(&["echo hello $CI", "for i in 1 2\ndo echo $i\ndone"]))
        .await;
    ended
        .succeeded()
        .says("\x1b[32;1m$ echo hello $CI\x1b[0;m\nhello true\n")
        .says("$ for i in 1 2 # collapsed multi-line command\x1b[0;m\n1\n2\n")
        .says("Running with tripline-runner")
        .says("\r\x1b[0K\x1b[0K\x1b[36;1mExecuting \"step_script\" stage of the job script\x1b[0;m\x1b[0;m\n");
    assert!(ended.trace.starts_with("Running with"), "{}", ended.trace);
}

#[tokio::test]
async fn the_first_failing_command_ends_the_script_with_its_code() {
    let fake = Fake::start().await;
    for (script, code) in [
        (vec!["echo before", "(exit 3)", "echo after"], 3),
        (vec!["echo before", "exit 42", "echo after"], 42),
        (vec!["echo before", "false | cat", "echo after"], 1),
        (vec!["echo before", "no-such-command-here", "echo after"], 127),
    ] {
        let ended = fake.run(job(&script)).await;
        ended
            .failed("script_failure", Some(code))
            .says("before\n")
            .hides("\nafter\n");
        ended.says(&format!("\x1b[31;1mERROR: Job failed: exit status {code}\x1b[0;m\n"));
    }
}

#[tokio::test]
async fn a_script_ended_by_a_signal_has_no_exit_code_of_its_own() {
    let ended = Fake::start().await.run(job(&["kill -9 $$"])).await;
    ended.failed("script_failure", Some(-1));
}

#[tokio::test]
async fn after_script_runs_in_a_shell_of_its_own_and_changes_nothing() {
    let fake = Fake::start().await;
    let mut good = job(&["export LOST=1", "echo KEPT=from-script >> $GITLAB_ENV"]);
    good.steps.push(step(
        "after_script",
        &[
            "echo status=$CI_JOB_STATUS lost=$LOST. kept=$KEPT",
            "exit 5",
            "echo not here",
        ],
    ));
    let ended = fake.run(good).await;
    ended
        .succeeded()
        .says("status=success lost=. kept=from-script\n")
        .hides("\nnot here");
    ended.says("WARNING: after_script failed, but job will continue unaffected: exit status 5");

    let mut bad = job(&["exit 4"]);
    bad.steps.push(step("after_script", &["echo status=$CI_JOB_STATUS"]));
    fake.run(bad)
        .await
        .failed("script_failure", Some(4))
        .says("status=failed\n");

    let mut strict = job(&["true"]);
    set(&mut strict, "AFTER_SCRIPT_IGNORE_ERRORS", "false");
    strict.steps.push(step("after_script", &["exit 5"]));
    fake.run(strict).await.failed("script_failure", Some(5));
}

#[tokio::test]
async fn background_processes_live_until_after_script_is_done() {
    let fake = Fake::start().await;
    let mut job = job(&["sleep 1000 &", "echo $! > pid"]);
    job.steps
        .push(step("after_script", &["kill -0 $(cat pid) && echo still there"]));
    fake.run(job).await.succeeded().says("\nstill there\n");
}

#[tokio::test]
async fn variables_expand_and_files_hold_their_content() {
    let fake = Fake::start().await;
    let mut job = job(&[
        "echo expanded=$GREETING raw=$RAW",
        "cat $CONFIG",
        "stat -c %a $CONFIG",
        "echo dir=$CI_PROJECT_DIR pwd=$(pwd)",
        "echo server=$CI_SERVER status=$CI_JOB_STATUS timeout=$CI_JOB_TIMEOUT short=$CI_RUNNER_SHORT_TOKEN",
        "touch $HOME/x $TMPDIR/y && echo writable",
        "echo secret-of-server=$TRIPLINE_TEST_OUTSIDE.",
    ]);
    set(&mut job, "NAME", "world");
    set(&mut job, "GREETING", "hello $NAME$$");
    job.variables.push(Variable {
        raw: true,
        ..variable("RAW", "$NAME")
    });
    job.variables.push(Variable {
        file: true,
        ..variable("CONFIG", "line of $NAME\n")
    });
    let ended = fake.run(job).await;
    ended
        .succeeded()
        .says("expanded=hello world$ raw=$NAME\n")
        .says("\nline of world\n")
        .says("\n600\n");
    ended
        .says("server=yes status=running timeout=3600 short=abcdefghi\n")
        .says("\nwritable\n");
    ended.says("secret-of-server=.\n");
    let line = ended.trace.lines().find(|line| line.starts_with("dir=")).unwrap();
    let (dir, pwd) = line.split_once(" pwd=").unwrap();
    assert_eq!(dir.strip_prefix("dir="), Some(pwd));
}

#[tokio::test]
async fn secrets_are_masked_also_across_writes() {
    let fake = Fake::start().await;
    let mut job = job(&[
        "echo token $CI_JOB_TOKEN",
        "printf 'a %s' ${SECRET:0:6}; sleep 0.05; printf '%s b\\n' ${SECRET:6}",
        "echo glpat-abcdef and $SECRET",
        "printf 'bad \\377 byte\\n'",
    ]);
    job.variables.push(Variable {
        masked: true,
        ..variable("SECRET", "hunter22-long")
    });
    let ended = fake.run(job).await;
    ended
        .succeeded()
        .says("token [MASKED]\n")
        .says("a [MASKED] b\n")
        .says("glpat-[MASKED] and [MASKED]\n");
    ended.says("bad \u{fffd} byte\n").hides("hunter22").hides("jobtoken");
}

#[tokio::test]
async fn a_flood_is_cut_with_a_notice_and_the_end_is_still_told() {
    let fake = Fake::with(|config| config.limits.output_bytes = 10_000).await;
    let ended = fake
        .run(job(&["head -c 3000000 /dev/zero | tr '\\0' x", "echo not kept"]))
        .await;
    ended
        .succeeded()
        .says("Job's log exceeded limit of 10000 bytes.")
        .hides("\nnot kept");
    assert!(ended.trace.len() < 20_000);
}

#[tokio::test]
async fn lines_are_stamped_on_request() {
    let fake = Fake::start().await;
    let mut job = job(&["echo hello"]);
    set(&mut job, "FF_TIMESTAMPS", "true");
    let ended = fake.run(job).await;
    let line = ended
        .trace
        .lines()
        .find(|line| line.ends_with("hello") && !line.contains('$'))
        .unwrap();
    assert_eq!(&line[26..], "Z 01O hello");
}

#[tokio::test]
async fn images_are_noted_and_services_refused() {
    let fake = Fake::start().await;
    let image = |name: &str| Image {
        name: name.into(),
        ..Image::default()
    };
    let mut with_image = job(&["echo $CI_JOB_IMAGE"]);
    with_image.image = Some(image("rust:1"));
    fake.run(with_image)
        .await
        .succeeded()
        .says("Image `rust:1` is not used")
        .says("\nrust:1\n");
    let mut with_service = job(&["echo never"]);
    with_service.services = vec![image("postgres:17")];
    let ended = fake.run(with_service).await;
    ended
        .failed("runner_configuration_error", None)
        .says("`postgres:17`")
        .hides("$ echo never");
}

#[tokio::test]
async fn inputs_of_the_job_are_filled_in() {
    let fake = Fake::start().await;
    let mut job = job(&["echo to ${{ job.inputs.where }}"]);
    let value = InputValue {
        kind: "string".into(),
        content: "prod".into(),
        sensitive: false,
    };
    job.inputs = vec![Input {
        key: "where".into(),
        value,
    }];
    fake.run(job).await.succeeded().says("\nto prod\n");
}

#[tokio::test]
async fn a_plain_sh_does_too() {
    let fake = Fake::with(|config| config.shell = Some("/bin/sh".into())).await;
    fake.run(job(&["echo \"it's $CI\""]))
        .await
        .succeeded()
        .says("\nit's true\n");
    fake.run(job(&["false", "echo after"]))
        .await
        .failed("script_failure", Some(1))
        .hides("\nafter");
}

#[tokio::test]
async fn jobs_of_one_slot_follow_each_other_and_slots_work_side_by_side() {
    let fake = Fake::with(|config| config.concurrency = 3).await;
    let ids: Vec<i64> = (0..9)
        .map(|number| fake.hand_out(job(&[&format!("echo number {number}")])))
        .collect();
    for (number, id) in ids.into_iter().enumerate() {
        fake.ended(id).await.succeeded().says(&format!("\nnumber {number}\n"));
    }
}

#[tokio::test]
async fn an_unfinished_line_is_ended_before_the_next_section() {
    let ended = Fake::start().await.run(job(&["printf unfinished"])).await;
    ended.succeeded().says("\nunfinished\nsection_end:");
}

/// The system refuses to start a program with such a variable; the script still has it.
#[tokio::test]
async fn a_variable_that_no_program_can_be_given_is_there_for_the_script() {
    let mut big = job(&[
        "echo ${#BIG} ${#TOGETHER}",
        "env | grep -c '^BIG=' || true",
        "echo small=$SMALL",
    ]);
    set(&mut big, "SMALL", "s");
    set(&mut big, "BIG", &"it's ".repeat(40_000));
    for number in 0..40 {
        set(&mut big, &format!("PART_{number}"), &"x".repeat(100_000));
    }
    set(&mut big, "TOGETHER", &"y".repeat(100_000));
    Fake::start()
        .await
        .run(big)
        .await
        .succeeded()
        .says("200000 100000\n")
        .says("\n0\n")
        .says("small=s\n")
        .says("WARNING: variable BIG is too large for the environment of a program (200000 bytes)");
}

//! Everything that a job can be, in one pipeline, with the embedded runner. `cargo xtask gitlab-runner` holds the real
//! one to the same.

use testkit::{COMBINED_STATUSES, TestServer, combined};

use crate::story;

story!(everything_in_one_pipeline_comes_to_its_end, runners: 4);

fn everything_in_one_pipeline_comes_to_its_end(server: &mut TestServer) {
    assert_eq!(combined(&server.api()), COMBINED_STATUSES);
}

//! Statuses for people: icon, words, group (rest-api.md 3.3).

use model::Status;
use wire::pipeline::DetailedStatus;

/// How a status looks.
struct Look {
    icon: &'static str,
    text: &'static str,
    label: &'static str,
    group: &'static str,
}

/// A pipeline's status in detail. `path` is that of its page.
#[must_use]
pub fn of_pipeline(status: Status, has_warnings: bool, path: String, has_details: bool) -> DetailedStatus {
    let look = if status == Status::Success && has_warnings {
        Look {
            icon: "status_warning",
            text: "Warning",
            label: "passed with warnings",
            group: "success-with-warnings",
        }
    } else {
        pipeline_look(status)
    };
    DetailedStatus {
        icon: look.icon.to_owned(),
        text: look.text.to_owned(),
        label: look.label.to_owned(),
        group: look.group.to_owned(),
        tooltip: look.label.to_owned(),
        has_details,
        details_path: Some(path),
        illustration: None,
        favicon: format!("/assets/ci_favicons/favicon_{}.png", favicon(status)),
    }
}

const fn pipeline_look(status: Status) -> Look {
    let (icon, text, label, group) = match status {
        Status::Created => ("status_created", "Created", "created", "created"),
        Status::WaitingForResource => (
            "status_pending",
            "Waiting",
            "waiting for resource",
            "waiting-for-resource",
        ),
        Status::Preparing => ("status_preparing", "Preparing", "preparing", "preparing"),
        Status::WaitingForCallback => (
            "status_pending",
            "Waiting",
            "waiting for callback",
            "waiting-for-callback",
        ),
        Status::Pending => ("status_pending", "Pending", "pending", "pending"),
        Status::Running => ("status_running", "Running", "running", "running"),
        Status::Success => ("status_success", "Passed", "passed", "success"),
        Status::Failed => ("status_failed", "Failed", "failed", "failed"),
        Status::Canceling => ("status_canceled", "Canceling", "canceling", "canceling"),
        Status::Canceled => ("status_canceled", "Canceled", "canceled", "canceled"),
        Status::Skipped => ("status_skipped", "Skipped", "skipped", "skipped"),
        Status::Manual => ("status_manual", "Blocked", "waiting for manual action", "manual"),
        Status::Scheduled => ("status_scheduled", "Delayed", "waiting for delayed job", "scheduled"),
    };
    Look {
        icon,
        text,
        label,
        group,
    }
}

const fn favicon(status: Status) -> &'static str {
    match status {
        Status::WaitingForResource | Status::WaitingForCallback => "status_pending",
        Status::Canceling => "status_canceled",
        _ => pipeline_look(status).icon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_words() {
        let shown = |status, warnings| {
            let detailed = of_pipeline(status, warnings, "/g/p/-/pipelines/1".to_owned(), true);
            format!(
                "{} {}, {}, {}",
                detailed.icon, detailed.text, detailed.label, detailed.group
            )
        };
        for (status, warnings, expected) in [
            (Status::Success, false, "status_success Passed, passed, success"),
            (
                Status::Success,
                true,
                "status_warning Warning, passed with warnings, success-with-warnings",
            ),
            (Status::Failed, true, "status_failed Failed, failed, failed"),
            (
                Status::WaitingForResource,
                false,
                "status_pending Waiting, waiting for resource, waiting-for-resource",
            ),
            (
                Status::Manual,
                false,
                "status_manual Blocked, waiting for manual action, manual",
            ),
        ] {
            assert_eq!(shown(status, warnings), expected);
        }
        assert_eq!(
            of_pipeline(Status::Canceling, false, String::new(), false).favicon,
            "/assets/ci_favicons/favicon_status_canceled.png"
        );
    }
}

//! Environments and deployments.

use app::ExternalUrl;
use app::environments::manage::Details;
use app::environments::read::Deployed;
use app::projects;
use model::{Environment, Timestamp};
use wire::environment::{Deployment, Environment as Full, EnvironmentBasic};

use super::{job, maybe_time, project, time, user};

/// An environment in short.
#[must_use]
pub fn basic(environment: &Environment) -> EnvironmentBasic {
    EnvironmentBasic {
        id: environment.id.0,
        name: environment.name.clone(),
        slug: environment.slug.clone(),
        external_url: environment.external_url.clone(),
        created_at: time(environment.created_at),
        updated_at: time(environment.updated_at),
    }
}

fn plain(environment: &Environment) -> Full {
    Full {
        basic: basic(environment),
        tier: environment.tier.to_string(),
        project: None,
        last_deployment: None,
        state: environment.state.to_string(),
        auto_stop_at: maybe_time(environment.auto_stop_at),
        auto_stop_setting: environment.auto_stop_setting.to_string(),
        kubernetes_namespace: None,
        flux_resource_path: None,
        description: environment.description.clone(),
    }
}

/// An environment of a list, or one that was changed.
#[must_use]
pub fn with_project(url: &ExternalUrl, shown: &projects::Shown, environment: &Environment) -> Full {
    let around = project::Around {
        namespace: &shown.namespace,
        namespace_name: &shown.namespace_name,
        owner: None,
        roles: None,
        runners_token: None,
    };
    Full {
        project: Some(project::short(url, &shown.project, &around)),
        ..plain(environment)
    }
}

/// An environment that was asked for.
#[must_use]
pub fn details(url: &ExternalUrl, details: &Details, now: Timestamp) -> Full {
    let last = details.last.as_ref().map(|last| Deployment {
        environment: None,
        ..deployment(url, last, now)
    });
    Full {
        last_deployment: Some(last),
        ..plain(&details.environment)
    }
}

/// A deployment.
#[must_use]
pub fn deployment(url: &ExternalUrl, shown: &Deployed, now: Timestamp) -> Deployment {
    let deployment = &shown.deployment;
    Deployment {
        id: deployment.id.0,
        iid: deployment.iid.0,
        git_ref: deployment.git_ref.name.clone(),
        sha: deployment.sha.to_string(),
        created_at: time(deployment.created_at),
        updated_at: time(deployment.updated_at),
        user: shown.user.as_ref().map(|who| user::basic(url, who)),
        environment: Some(basic(&shown.environment)),
        deployable: shown.job.as_ref().map(|one| job::shown(url, one, now)),
        status: deployment.status.to_string(),
    }
}

//! Inbound hooks.

use app::ExternalUrl;
use app::inbound::declare;
use app::inbound::manage::Shown;
use model::InboundDelivery;
use model::inbound::RefRule;
use wire::inbound::{InboundDelivery as Delivery, InboundHook};

use super::{maybe_time, time, user};

/// A hook.
#[must_use]
pub fn hook(url: &ExternalUrl, shown: Shown) -> InboundHook {
    let settings = &shown.hook.settings;
    let (git_ref, ref_path) = match &settings.git_ref {
        RefRule::Default => (None, None),
        RefRule::Fixed(name) => (Some(name.clone()), None),
        RefRule::From(place) => (None, Some(declare::place_text(place))),
    };
    InboundHook {
        id: shown.hook.id.0,
        project_id: shown.hook.project_id.0,
        name: settings.name.clone(),
        provider: settings.provider.as_str().to_owned(),
        url: address(url, &shown),
        enabled: settings.enabled,
        git_ref,
        ref_path,
        filters: settings.filters.iter().map(declare::condition_json).collect(),
        inputs: settings.inputs.iter().map(declare::mapping_json).collect(),
        variables: settings.variables.iter().map(declare::mapping_json).collect(),
        pass_payload: settings.pass_payload,
        trigger_id: shown.hook.trigger_token_id.0,
        owner: user::basic(url, &shown.owner),
        previous_secret_expires_at: maybe_time(shown.previous_until),
        secret: shown.made_secret.clone(),
        created_at: time(shown.hook.created_at),
        updated_at: time(shown.hook.updated_at),
    }
}

/// Where deliveries of a hook go.
#[must_use]
pub fn address(url: &ExternalUrl, shown: &Shown) -> String {
    let (base, project, key) = (url.base(), shown.hook.project_id, &shown.key);
    format!("{base}/api/v4/projects/{project}/inbound_hooks/{key}/deliver")
}

/// Something that arrived.
#[must_use]
pub fn delivery(delivery: InboundDelivery) -> Delivery {
    Delivery {
        id: delivery.id.0,
        outcome: delivery.outcome.as_str().to_owned(),
        reason: Some(delivery.reason).filter(|reason| !reason.is_empty()),
        event: delivery.event,
        delivery: delivery.delivery,
        payload_sha256: delivery.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        pipeline_id: delivery.pipeline_id.map(|id| id.0),
        created_at: time(delivery.created_at),
    }
}

//! Who changed what: audit events of the server, of groups and of projects.

use app::audit::{self, Scope, Wanted};
use app::groups::GroupKey;
use app::{App, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::AuditEntity;
use wire::audit::AuditEvent;

use crate::call::Call;
use crate::page::{self, Page};
use crate::present;
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    place::<OfServer>("")
        .merge(place::<OfProject>("/projects/{id}"))
        .merge(place::<OfGroup>("/groups/{id}"))
}

fn place<P: Place>(root: &str) -> Router {
    Router::new()
        .route(&format!("{root}/audit_events"), get(list::<P>))
        .route(&format!("{root}/audit_events/{{audit_event_id}}"), get(show::<P>))
}

/// Where events are asked for.
trait Place: Send + Sync + 'static {
    fn scope(call: &Call) -> Result<Scope>;
}

struct OfServer;
struct OfProject;
struct OfGroup;

impl Place for OfServer {
    fn scope(_: &Call) -> Result<Scope> {
        Ok(Scope::Server)
    }
}

impl Place for OfProject {
    fn scope(call: &Call) -> Result<Scope> {
        call.project().map(Scope::Project)
    }
}

impl Place for OfGroup {
    fn scope(call: &Call) -> Result<Scope> {
        Ok(Scope::Group(GroupKey::parse(&call.segment("id"))))
    }
}

async fn list<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = Wanted {
        created_after: reader.time("created_after"),
        created_before: reader.time("created_before"),
        entity_type: reader.one_of("entity_type", &AuditEntity::WORDS),
        entity_id: reader.int("entity_id"),
    };
    reader.finish()?;
    let (events, total) = audit::list(&app, &call.caller, P::scope(&call)?, wanted, page.of_store()?).await?;
    let listed = page.counted(events, total).map(|event| present::audit::event(&event));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<AuditEvent>> {
    call.user()?;
    let id = call.id("audit_event_id")?;
    let event = audit::get(&app, &call.caller, P::scope(&call)?, id).await?;
    Ok(Json(present::audit::event(&event)))
}

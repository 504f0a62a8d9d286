//! Inbound hooks: found by digest, gone with their token; of what arrived the newest is kept.

use model::{InboundOutcome, InboundSettings, Provider, TriggerToken};
use store::ops::inbound_deliveries::{self, NewInboundDelivery};
use store::ops::inbound_hooks::{self, NewInboundHook};
use store::ops::page::Page;
use store::ops::trigger_tokens::{self, NewTriggerToken};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

fn token(tx: &mut dyn Tx) -> Result<TriggerToken, StoreError> {
    let owner = fixture::user(tx, "ann")?;
    let project = fixture::project(tx, &owner, "ann/tool")?;
    let new = NewTriggerToken {
        project_id: project.id,
        owner_id: owner.id,
        digest: &[9; 32],
        description: None,
        short: "abcd",
        sealed: b"sealed",
        expires_at: None,
        limits: &model::TriggerLimits::default(),
        fixed: None,
        created_at: NOW,
    };
    trigger_tokens::create(tx, &new)
}

fn settings() -> InboundSettings {
    InboundSettings {
        name: "hook".to_owned(),
        provider: Provider::Github,
        enabled: true,
        git_ref: model::inbound::RefRule::Default,
        filters: Vec::new(),
        inputs: Vec::new(),
        variables: Vec::new(),
        pass_payload: true,
        own_token: true,
    }
}

fn hook(tx: &mut dyn Tx, token: &TriggerToken, digest: u8) -> Result<model::InboundHook, StoreError> {
    let new = NewInboundHook {
        project_id: token.project_id,
        trigger_token_id: token.id,
        digest: &[digest; 32],
        settings: &settings(),
        sealed: b"sealed",
        created_at: NOW,
    };
    inbound_hooks::create(tx, &new)
}

on_both! {
    fn a_hook_is_found_by_its_digest_and_ends_with_its_token(opened) {
        opened.write(|tx| {
            let token = token(tx)?;
            let project = token.project_id;
            let mut made = hook(tx, &token, 1)?;
            assert_eq!(inbound_hooks::by_digest(tx, &[1; 32])?, Some(made.clone()));
            assert_eq!(inbound_hooks::token_digest(tx, project, token.id)?, Some([9; 32]));
            made.settings.enabled = false;
            assert!(inbound_hooks::save(tx, &made, &[2; 32])?);
            assert_eq!(inbound_hooks::by_digest(tx, &[1; 32])?, None);
            assert_eq!(inbound_hooks::get(tx, project, made.id)?, Some(made.clone()));
            assert_eq!(inbound_hooks::list(tx, project, Page::all())?, [made.clone()]);
            assert_eq!(inbound_hooks::count(tx, project)?, 1);
            trigger_tokens::delete(tx, project, token.id)?;
            assert_eq!(inbound_hooks::get(tx, project, made.id)?, None);
            assert!(!inbound_hooks::delete(tx, project, made.id)?);
            Ok(())
        });
    }

    fn the_newest_deliveries_are_kept(opened) {
        opened.write(|tx| {
            let token = token(tx)?;
            let (one, other) = (hook(tx, &token, 1)?.id, hook(tx, &token, 2)?.id);
            let note = |tx: &mut dyn Tx, hook, outcome, reason: &str| {
                let new = NewInboundDelivery {
                    hook_id: hook,
                    outcome,
                    reason,
                    event: Some("push"),
                    delivery: None,
                    digest: &[3; 32],
                    pipeline_id: None,
                    created_at: NOW,
                };
                inbound_deliveries::note(tx, &new, 3).map(drop)
            };
            note(tx, other, InboundOutcome::Refused, "other")?;
            for number in 0..5 {
                let outcome = if number == 3 { InboundOutcome::Filtered } else { InboundOutcome::Triggered };
                note(tx, one, outcome, &number.to_string())?;
            }
            let (found, total) = inbound_deliveries::of_hook(tx, one, None, Page::all())?;
            let reasons: Vec<&str> = found.iter().map(|delivery| delivery.reason.as_str()).collect();
            assert_eq!((reasons, total), (vec!["4", "3", "2"], 3));
            let (found, total) = inbound_deliveries::of_hook(tx, one, Some(InboundOutcome::Filtered), Page::all())?;
            assert_eq!((found[0].reason.as_str(), total), ("3", 1));
            assert_eq!(inbound_deliveries::of_hook(tx, other, None, Page::all())?.1, 1);
            Ok(())
        });
    }
}

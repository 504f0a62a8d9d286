//! Which pipelines led to a pipeline.

use store::ops::{pipelines, trigger_chains};

use crate::fixture::{self, on_both};

on_both! {
    fn a_chain_is_kept_with_its_pipeline(opened) {
        opened.write(|tx| {
            let owner = fixture::user(tx, "ann")?;
            let project = fixture::project(tx, &owner, "ann/tool")?;
            let pipeline = fixture::pipeline(tx, &project)?;
            assert_eq!(trigger_chains::get(tx, pipeline.id)?, None);
            trigger_chains::insert(tx, pipeline.id, "a.1.2.x,b")?;
            assert_eq!(trigger_chains::get(tx, pipeline.id)?.as_deref(), Some("a.1.2.x,b"));
            pipelines::delete(tx, &pipeline)?;
            assert_eq!(trigger_chains::get(tx, pipeline.id)?, None);
            Ok(())
        });
    }
}

//! Lists of pipelines.

use askama::Template;
use model::{Pipeline, StageState};

use super::{Choice, TokenView, short_sha};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::{Escaped, Html, url_path, url_value};
use crate::language::Language;

/// A pipeline in a list.
#[derive(Debug)]
pub struct PipelineRow {
    /// Full path of its project.
    pub project: String,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// First line of the commit's message.
    pub title: Option<String>,
    /// Name of its user.
    pub username: Option<String>,
    /// The trigger token, if one started it.
    pub token: Option<TokenView>,
}

impl PipelineRow {
    /// Address of its page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/pipelines/{}", self.project, self.pipeline.id)
    }

    /// First digits of the commit.
    #[must_use]
    pub fn short_sha(&self) -> &str {
        short_sha(&self.pipeline.sha)
    }

    /// Address of the list with this ref only.
    #[must_use]
    pub fn ref_href(&self) -> String {
        let name = url_value(&self.pipeline.git_ref.name);
        format!("/{}/-/pipelines?ref={name}", url_path(&self.project))
    }

    /// Small marks, one for each stage.
    #[must_use]
    pub fn marks(&self, language: &Language) -> Html {
        let mark = |stage: &StageState| {
            format!(
                "<span title=\"{}: {}\">{}</span>",
                Escaped(&stage.name),
                language.status(stage.status),
                language.mark(stage.status, false)
            )
        };
        Html::new(self.pipeline.stages.iter().map(mark).collect())
    }
}

/// One bar of the chart.
#[derive(Debug)]
pub struct Bar {
    /// The day, as it is read.
    pub day: String,
    /// All pipelines.
    pub total: i64,
    /// Those that ended well.
    pub success: i64,
    /// Those that failed.
    pub failed: i64,
}

/// The last 30 days.
#[derive(Debug)]
pub struct Month {
    /// The days.
    pub bars: Vec<Bar>,
    /// All pipelines.
    pub total: i64,
    /// Percent that ended well.
    pub rate: Option<i64>,
    /// Median duration.
    pub duration: Option<i64>,
    /// Median wait.
    pub queued: Option<i64>,
}

impl Month {
    /// The share that ended well, as it is read.
    #[must_use]
    pub fn share(&self) -> String {
        self.rate.map_or("–".to_owned(), |rate| format!("{rate} %"))
    }

    /// The chart as SVG.
    #[must_use]
    pub fn chart(&self, language: &Language) -> Html {
        const HEIGHT: i64 = 90;
        const WIDTH: usize = 20;
        const AXIS: usize = 4;
        let most = self.bars.iter().map(|bar| bar.total).max().unwrap_or(0).max(1);
        let label = language.chart_label(&crate::moment::number(self.total), &self.share());
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {} 96\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
            WIDTH * self.bars.len().max(1),
            Escaped(&label)
        );
        for (index, bar) in self.bars.iter().enumerate() {
            let x = WIDTH * index + 2;
            let title = language.chart_day(&bar.day, bar.total, bar.failed);
            svg.push_str(&format!("<g><title>{}</title>", Escaped(&title)));
            let mut top = 94;
            let other = bar.total - bar.success - bar.failed;
            for (count, class) in [(bar.success, "ok"), (bar.failed, "bad"), (other, "other")] {
                let height = if count == 0 { 0 } else { (count * HEIGHT / most).max(2) };
                top -= height;
                if height > 0 {
                    svg.push_str(&format!(
                        "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>",
                        WIDTH - 4
                    ));
                }
            }
            if bar.total == 0 {
                svg.push_str(&format!(
                    "<rect class=\"other\" x=\"{x}\" y=\"93\" width=\"{}\" height=\"1\"/>",
                    WIDTH - 4
                ));
            }
            svg.push_str("</g>");
        }
        svg.push_str("</svg><div class=\"axis\" aria-hidden=\"true\">");
        let last = self.bars.len().saturating_sub(1);
        for part in 0..=AXIS {
            if let Some(bar) = self.bars.get(last * part / AXIS) {
                svg.push_str(&format!("<span>{}</span>", Escaped(&bar.day)));
            }
        }
        svg.push_str("</div>");
        Html::new(svg)
    }
}

/// What the list shows.
#[derive(Debug, Default)]
pub struct PipelineFilters {
    /// Statuses to choose from.
    pub statuses: Vec<Choice>,
    /// Ways of starting to choose from.
    pub sources: Vec<Choice>,
    /// Trigger tokens to choose from, for those who may see them.
    pub tokens: Vec<Choice>,
    /// Branch or tag.
    pub ref_name: String,
    /// User.
    pub username: String,
    /// Text.
    pub text: String,
    /// Whether any is set.
    pub any: bool,
}

/// The pipelines of a project.
#[derive(Debug, Template)]
#[template(path = "pipelines.html")]
pub struct PipelinesPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// What is shown.
    pub filters: PipelineFilters,
    /// The pipelines.
    pub rows: Vec<PipelineRow>,
    /// The last 30 days, above an unfiltered list.
    pub month: Option<Month>,
    /// Address of newer ones.
    pub newer: Option<String>,
    /// Address of older ones.
    pub older: Option<String>,
}

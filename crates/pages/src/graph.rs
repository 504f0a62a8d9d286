//! The graph of a pipeline as SVG: a column for each stage, a box for each group of jobs, lines for needs.
//!
//! Phases: group the jobs of a stage by name (`test 1/3`, `test: [a, b]`), place the boxes, draw the lines
//! from the right edge of what is needed to the left edge of what needs it, then the boxes over them.

use std::collections::HashMap;
use std::fmt::Write as _;

use model::Status;
use model::definition::group_name;

use crate::html::{Escaped, Html};
use crate::language::Language;
use crate::status;

/// A job as the graph shows it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Full name.
    pub name: String,
    /// Status.
    pub status: Status,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// Where its page is.
    pub href: String,
    /// Names of the jobs it needs; `None` when it follows its stage.
    pub needs: Option<Vec<String>>,
}

/// A stage and its jobs, in order.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Status.
    pub status: Status,
    /// Jobs.
    pub jobs: Vec<Node>,
}

const BOX_WIDTH: usize = 176;
const BOX_HEIGHT: usize = 34;
const ROW: usize = 44;
const COLUMN: usize = 244;
const TOP: usize = 34;
const MARGIN: usize = 2;

/// Most boxes of one column; the rest is counted in a last one.
const MOST_ROWS: usize = 40;

/// Most lines drawn; beyond, they would only blacken the picture.
const MOST_LINES: usize = 600;

/// Longest text of a box in half-width characters.
const MOST_CHARS: usize = 19;

/// Boxes of one group of jobs.
struct Group<'a> {
    name: &'a str,
    jobs: Vec<&'a Node>,
    column: usize,
    row: usize,
}

/// Draws the graph.
#[must_use]
pub fn draw(columns: &[Column], language: Language) -> Html {
    let groups = place(columns);
    let rows = groups.iter().map(|group| group.row + 1).max().unwrap_or(0);
    let width = columns.len().max(1) * COLUMN - (COLUMN - BOX_WIDTH) + 2 * MARGIN;
    let height = TOP + rows.max(1) * ROW + MARGIN;
    let mut svg = String::with_capacity(4096);
    write!(
        svg,
        "<svg class=\"graph\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"group\" aria-label=\"{}\">",
        Escaped(language.graph())
    )
    .expect("writing to a text does not fail");
    for (index, column) in columns.iter().enumerate() {
        let x = MARGIN + index * COLUMN;
        let (name, title) = cut(&column.name, MOST_CHARS + 3);
        write!(
            svg,
            "<text class=\"stage\" x=\"{x}\" y=\"18\">{}{}</text>",
            Title(title),
            Escaped(&name)
        )
        .expect("writing to a text does not fail");
    }
    lines(&mut svg, columns, &groups);
    for group in &groups {
        draw_box(&mut svg, group, language);
    }
    svg.push_str("</svg>");
    Html::new(svg)
}

fn place(columns: &[Column]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (column, stage) in columns.iter().enumerate() {
        let first = groups.len();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for job in &stage.jobs {
            let name = group_name(&job.name);
            let row = groups.len() - first;
            match known.get(name) {
                Some(index) => groups[*index].jobs.push(job),
                None if row == MOST_ROWS => groups[first + MOST_ROWS - 1].jobs.push(job),
                None => {
                    known.insert(name, groups.len());
                    groups.push(Group {
                        name,
                        jobs: vec![job],
                        column,
                        row,
                    });
                }
            }
        }
    }
    groups
}

fn lines(svg: &mut String, columns: &[Column], groups: &[Group<'_>]) {
    let by_job: HashMap<&str, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| group.jobs.iter().map(move |job| (job.name.as_str(), index)))
        .collect();
    let mut drawn = std::collections::BTreeSet::new();
    for (index, group) in groups.iter().enumerate() {
        for job in &group.jobs {
            match &job.needs {
                Some(needs) => drawn.extend(
                    needs
                        .iter()
                        .filter_map(|need| by_job.get(need.as_str()))
                        .map(|from| (*from, index)),
                ),
                None => drawn.extend(stage_before(columns, groups, group.column).map(|from| (from, index))),
            }
        }
    }
    for (from, to) in drawn.into_iter().take(MOST_LINES) {
        let (from, to) = (&groups[from], &groups[to]);
        if from.column >= to.column {
            continue;
        }
        let (x1, y1) = (MARGIN + from.column * COLUMN + BOX_WIDTH, middle(from.row));
        let (x2, y2) = (MARGIN + to.column * COLUMN, middle(to.row));
        let bend = (COLUMN - BOX_WIDTH) / 2;
        write!(
            svg,
            "<path class=\"line\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>",
            x1 + bend,
            x2 - bend
        )
        .expect("writing to a text does not fail");
    }
}

/// The boxes of the nearest stage before that has any.
fn stage_before<'a>(
    columns: &'a [Column],
    groups: &'a [Group<'a>],
    column: usize,
) -> impl Iterator<Item = usize> + use<'a> {
    let before = (0..column).rev().find(|index| !columns[*index].jobs.is_empty());
    groups
        .iter()
        .enumerate()
        .filter(move |(_, group)| Some(group.column) == before)
        .map(|(index, _)| index)
}

fn middle(row: usize) -> usize {
    TOP + row * ROW + BOX_HEIGHT / 2
}

fn draw_box(svg: &mut String, group: &Group<'_>, language: Language) {
    let (x, y) = (MARGIN + group.column * COLUMN, TOP + group.row * ROW);
    let worst = worst(&group.jobs);
    let warned = worst.status == Status::Failed && worst.allow_failure;
    let class = if warned { "warning" } else { status::class(worst.status) };
    let count = group.jobs.len();
    let (shown, full) = match count {
        1 => cut(&group.jobs[0].name, MOST_CHARS),
        _ => cut(group.name, MOST_CHARS - 4),
    };
    let anchor;
    let href = if count == 1 {
        group.jobs[0].href.as_str()
    } else {
        anchor = format!("#stage-{}", group.column);
        anchor.as_str()
    };
    let word = language.status(worst.status);
    let label = match count {
        1 => format!("{}: {word}", group.jobs[0].name),
        _ => format!("{} {count}: {word}", group.name),
    };
    write!(
        svg,
        "<a href=\"{}\" class=\"node s-{class}\" aria-label=\"{}\">{}<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"8\"/>\
         <use href=\"{}#{class}\" x=\"{}\" y=\"{}\" width=\"16\" height=\"16\"/><text x=\"{}\" y=\"{}\">{}{}</text>",
        Escaped(href),
        Escaped(&label),
        Title(full),
        crate::assets::icons_path(),
        x + 10,
        y + 9,
        x + 34,
        y + 22,
        Escaped(&shown),
        Count(count, x + BOX_WIDTH - 10)
    )
    .expect("writing to a text does not fail");
    svg.push_str("</a>");
}

/// The job whose status says most about its group.
fn worst<'a>(jobs: &[&'a Node]) -> &'a Node {
    let rank = |job: &Node| match job.status {
        Status::Failed if !job.allow_failure => 0,
        Status::Running | Status::Canceling => 1,
        Status::Pending | Status::Preparing | Status::WaitingForResource | Status::WaitingForCallback => 2,
        Status::Failed => 3,
        Status::Manual | Status::Scheduled => 4,
        Status::Created => 5,
        Status::Canceled => 6,
        Status::Success => 7,
        Status::Skipped => 8,
    };
    jobs.iter()
        .copied()
        .min_by_key(|job| rank(job))
        .expect("a group has a job: it is made for one")
}

/// A `<title>` where the text did not fit.
struct Title(Option<String>);

impl std::fmt::Display for Title {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(text) => write!(f, "<title>{}</title>", Escaped(text)),
            None => Ok(()),
        }
    }
}

/// How many jobs are in a box, at its right edge.
struct Count(usize, usize);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Count(1, _) => Ok(()),
            Count(count, x) => write!(
                f,
                " <tspan class=\"count\" x=\"{x}\" text-anchor=\"end\">{count}</tspan>"
            ),
        }
    }
}

/// Cuts a text to a width; the whole text when something was cut off.
fn cut(text: &str, most: usize) -> (String, Option<String>) {
    let width = |c: char| {
        if c.is_ascii() || ('\u{80}'..'\u{1100}').contains(&c) {
            1
        } else {
            2
        }
    };
    if text.chars().map(width).sum::<usize>() <= most {
        return (text.to_owned(), None);
    }
    let mut room = most - 1;
    let mut shown = String::new();
    for c in text.chars() {
        let Some(left) = room.checked_sub(width(c)) else { break };
        room = left;
        shown.push(c);
    }
    shown.push('…');
    (shown, Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, status: Status, needs: Option<&[&str]>) -> Node {
        Node {
            name: name.to_owned(),
            status,
            allow_failure: false,
            href: format!("/{name}"),
            needs: needs.map(|needs| needs.iter().map(|need| (*need).to_owned()).collect()),
        }
    }

    fn column(name: &str, jobs: Vec<Node>) -> Column {
        Column {
            name: name.to_owned(),
            status: Status::Success,
            jobs,
        }
    }

    #[test]
    fn jobs_follow_the_stage_before_or_what_they_need() {
        let columns = [
            column(
                "build",
                vec![node("a", Status::Success, None), node("b", Status::Success, None)],
            ),
            column(
                "test",
                vec![
                    node("c", Status::Running, None),
                    node("d", Status::Created, Some(&["b"])),
                ],
            ),
            column("deploy", vec![node("e", Status::Created, Some(&[]))]),
        ];
        let svg = draw(&columns, Language::English);
        assert_eq!(svg.as_str().matches("class=\"line\"").count(), 3);
        assert_eq!(svg.as_str().matches("<rect").count(), 5);
    }

    #[test]
    fn a_matrix_is_one_box_with_its_worst_status() {
        let jobs = vec![
            node("test: [a]", Status::Success, None),
            node("test: [b]", Status::Failed, None),
            node("test: [c]", Status::Success, None),
        ];
        let svg = draw(&[column("test", jobs)], Language::English);
        assert!(
            svg.as_str().contains("aria-label=\"test 3: failed\""),
            "{}",
            svg.as_str()
        );
        assert_eq!(svg.as_str().matches("<rect").count(), 1);
    }

    #[test]
    fn names_are_escaped_and_cut() {
        let jobs = vec![node("<script>alert(1)</script>", Status::Success, None)];
        let svg = draw(&[column("\"><b>", jobs)], Language::Japanese);
        assert!(!svg.as_str().contains("<script>") && !svg.as_str().contains("<b>"));
        assert!(svg.as_str().contains("…"));
    }

    #[test]
    fn a_column_of_thousands_stays_a_picture() {
        let jobs = (0..5000)
            .map(|n| node(&format!("job-{n}-x"), Status::Success, None))
            .collect();
        let more = (0..5000)
            .map(|n| node(&format!("more-{n}-x"), Status::Success, None))
            .collect();
        let svg = draw(&[column("a", jobs), column("b", more)], Language::English);
        assert_eq!(svg.as_str().matches("<rect").count(), 2 * MOST_ROWS);
        assert!(svg.as_str().len() < 100_000);
    }
}

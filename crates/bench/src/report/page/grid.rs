//! Tables of one row a scenario: for sections whose scenarios are the same figures at different sizes.

use std::fmt::Write as _;

use super::{legend, mark, scaled};
use crate::peers::Kind;
use crate::plot::short;
use crate::results::Results;
use crate::scenarios::{Scenario, Section};

/// The table, for sections that have one; empty when nothing of it was measured.
pub(super) fn table(
    section: Section,
    results: &Results,
    scenarios: &[&Scenario],
) -> Option<String> {
    let what = match section {
        Section::SyncedSizes => "batch and connections",
        Section::Partitions => "partitions",
        _ => return None,
    };
    let measured = |scenario: &&Scenario| BOTH.iter().any(|kind| has(results, scenario, *kind));
    let rows: Vec<&&Scenario> = scenarios.iter().filter(|scenario| measured(scenario)).collect();
    let Some(first) = rows.first() else { return Some(String::new()) };
    let mut text = format!("| {what} |");
    for shown in first.shown {
        let unit = if shown.unit.is_empty() { String::new() } else { format!(", {}", shown.unit) };
        let _ = write!(text, " {}{unit}: Kafka | Walser | × |", shown.label);
    }
    let _ = writeln!(text, "\n|---|{}", "--:|".repeat(3 * first.shown.len()));
    for scenario in rows {
        let _ = write!(text, "| {} |", scenario.title);
        for shown in scenario.shown {
            for kind in BOTH {
                let cell = scaled(results, scenario.name, shown, kind).map(|spread| {
                    format!("{}{}", short(spread.median), mark(results, scenario.name, kind))
                });
                let _ = write!(text, " {} |", cell.unwrap_or_else(|| "–".to_owned()));
            }
            let ratio = results.ratio(scenario.name, shown.figure, Kind::Walser, Kind::Kafka);
            let ratio = ratio.map_or("–".to_owned(), |ratio| format!("**{}**", short(ratio)));
            let _ = write!(text, " {ratio} |");
        }
        text.push('\n');
    }
    text.push_str("\nMedians; × is Walser to Kafka.\n");
    if section == Section::SyncedSizes {
        let _ = writeln!(text, "\n{LIMITS}");
    }
    legend(&mut text, results, scenarios);
    Some(text)
}

/// What the device's two limits are.
const LIMITS: &str = "\
Both limits are of the device alone, beside the run. Files that are *written over*, as a journal may be, have \
their blocks already: that is the most which the disk can do. Files that *grow*, as those of any log do, need new \
blocks of the file system and, on a virtual disk, of its host; all that a broker keeps has to go there, too.";

const BOTH: [Kind; 2] = [Kind::Kafka, Kind::Walser];

fn has(results: &Results, scenario: &Scenario, kind: Kind) -> bool {
    scenario.shown.iter().any(|shown| results.spread(scenario.name, kind, shown.figure).is_some())
}

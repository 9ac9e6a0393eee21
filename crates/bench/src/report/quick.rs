//! `--quick`: Walser beside the floor, short, against limits kept in the repository.
//!
//! A machine that is twice as slow is so for both, so the ratio of the two moves little. A limit is
//! twice what was measured when it was set: it finds a cost that has doubled and lets a busy machine
//! be; a few per cent are for the instruction counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::measure::Session;
use crate::peers::Kind;
use crate::results::Results;
use crate::scenarios::Scenario;

/// How much more than the measured ratio a new limit allows.
const ROOM: f64 = 2.0;

/// The file of limits.
#[derive(Debug, Serialize, Deserialize)]
struct Limits {
    about: String,
    /// By scenario: the most that Walser's CPU may be, in times the floor's.
    walser_to_floor_at_most: BTreeMap<String, f64>,
}

/// Measures and compares; what is over its limit is measured once more before it counts.
pub(crate) fn run(
    begin: &dyn Fn() -> Result<Session>,
    scenarios: &[Scenario],
    file: &Path,
    write: bool,
) -> Result<ExitCode> {
    let mut session = begin()?;
    session.run(scenarios)?;
    if !session.failures.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let results = session.into_results();
    if write {
        return record(file, scenarios, &results);
    }
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let limits: Limits = serde_json::from_str(&text).context("the file of limits")?;
    let over = compare(&limits, scenarios, &results)?;
    if over.is_empty() {
        println!("all ratios are within their limits");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("over the limit; measuring these once more, as a busy machine can do this");
    let again: Vec<Scenario> =
        scenarios.iter().filter(|scenario| over.contains(&scenario.name)).cloned().collect();
    let mut session = begin()?;
    session.run(&again)?;
    if !session.failures.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let over = compare(&limits, &again, &session.into_results())?;
    if over.is_empty() {
        println!("within their limits now");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{} costs more beside the floor than it may. Look for what the path does that it did not do \
         before (`cargo xtask bench --counts` counts its instructions); if it is meant, raise the \
         limit in {} and say why in the commit",
        over.join(", "),
        file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    );
    Ok(ExitCode::FAILURE)
}

/// The scenarios over their limits.
fn compare(
    limits: &Limits,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Vec<&'static str>> {
    let mut over = Vec::new();
    for scenario in scenarios {
        let ratio = ratio(results, scenario)?;
        let limit = *limits
            .walser_to_floor_at_most
            .get(scenario.name)
            .with_context(|| format!("{} has no limit", scenario.name))?;
        let mark = if ratio > limit { "over the limit" } else { "ok" };
        println!("{:<13} {ratio:>6.2} times the floor, at most {limit:.2}: {mark}", scenario.name);
        if ratio > limit {
            over.push(scenario.name);
        }
    }
    Ok(over)
}

fn ratio(results: &Results, scenario: &Scenario) -> Result<f64> {
    let shown = scenario.shown.first().context("a scenario shows a figure")?;
    results
        .ratio(scenario.name, shown.figure, Kind::Walser, Kind::Floor)
        .with_context(|| format!("{} was not measured", scenario.name))
}

#[expect(clippy::disallowed_methods, reason = "a file of the repository")]
fn record(file: &Path, scenarios: &[Scenario], results: &Results) -> Result<ExitCode> {
    let mut limits = BTreeMap::new();
    for scenario in scenarios {
        let ratio = ratio(results, scenario)?;
        println!("{:<13} {ratio:>6.2} times the floor", scenario.name);
        limits.insert(scenario.name.to_owned(), (ratio * ROOM * 10.0).ceil() / 10.0);
    }
    let limits = Limits {
        about: format!(
            "The most that Walser's CPU may be, in times the floor's: {ROOM} times what was measured. \
             Written by `cargo xtask bench --quick --write`."
        ),
        walser_to_floor_at_most: limits,
    };
    std::fs::write(file, serde_json::to_string_pretty(&limits)? + "\n")?;
    println!("recorded; commit the file");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::results::{Measured, Run};

    #[test]
    fn a_ratio_over_its_limit_is_found() {
        let scenarios: Vec<Scenario> = crate::scenarios::all()
            .into_iter()
            .filter(|scenario| scenario.name == "produce-1k")
            .collect();
        let run = |program, value: f64| Run {
            program,
            repeat: 1,
            load: [0.0; 3],
            generator_bound: false,
            rate_missed: false,
            figures: BTreeMap::from([("cpu_us_per_request".to_owned(), value)]),
        };
        let mut results = Results::default();
        let measured = Measured {
            at: String::new(),
            machine: Machine::default(),
            storage: String::new(),
            seconds: 1.0,
            runs: vec![run(Kind::Walser, 6.0), run(Kind::Floor, 3.0)],
        };
        results.scenarios.insert("produce-1k".to_owned(), measured);
        let limits = |limit| Limits {
            about: String::new(),
            walser_to_floor_at_most: BTreeMap::from([("produce-1k".to_owned(), limit)]),
        };
        assert_eq!(compare(&limits(1.9), &scenarios, &results).unwrap(), ["produce-1k"]);
        assert!(compare(&limits(2.1), &scenarios, &results).unwrap().is_empty());
    }
}

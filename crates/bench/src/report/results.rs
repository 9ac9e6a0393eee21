//! Raw results: every repeat of every scenario, in one JSON file that later runs add to.
//!
//! Measuring a scenario again replaces its runs and nothing else. Medians and ratios are worked out
//! when they are asked for and never stored, so that the file holds only what was measured.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::peers::Kind;
use crate::plot::Spread;

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// What each program was, in its own words (version, build, runtime).
    pub(crate) programs: BTreeMap<Kind, BTreeMap<String, String>>,
    pub(crate) scenarios: BTreeMap<String, Measured>,
}

/// One scenario, all repeats, all programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// When, in UTC.
    pub(crate) at: String,
    pub(crate) machine: Machine,
    /// Where the logs lay: `tmpfs`, `ext4` …
    pub(crate) storage: String,
    /// Seconds of each repeat.
    pub(crate) seconds: f64,
    pub(crate) runs: Vec<Run>,
}

/// One repeat of one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) program: Kind,
    pub(crate) repeat: u32,
    /// Load averages just before.
    pub(crate) load: [f64; 3],
    /// The generator used its whole core: the broker could have done more.
    pub(crate) generator_bound: bool,
    /// The asked rate was not reached: the program was saturated, and latencies are those of a queue.
    #[serde(default)]
    pub(crate) rate_missed: bool,
    /// By name; names end in their unit.
    pub(crate) figures: BTreeMap<String, f64>,
}

impl Results {
    /// Reads the file; a missing one is an empty one.
    pub(crate) fn load(path: &Path) -> Result<Results> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not a result file", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes the file, whole or not at all.
    #[expect(clippy::disallowed_methods, reason = "the benchmark's own file")]
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("the result file lies in a folder")?;
        std::fs::create_dir_all(folder)?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let draft = path.with_extension("json.new");
        std::fs::write(&draft, text)?;
        std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Minimum, median and maximum of a figure, when it was measured.
    pub(crate) fn spread(&self, scenario: &str, program: Kind, figure: &str) -> Option<Spread> {
        let runs = &self.scenarios.get(scenario)?.runs;
        let of_program = runs.iter().filter(|run| run.program == program);
        spread(of_program.filter_map(|run| run.figures.get(figure).copied()).collect())
    }

    /// Whether the generator was the limit in at least half of the repeats.
    pub(crate) fn generator_bound(&self, scenario: &str, program: Kind) -> bool {
        self.half(scenario, program, |run| run.generator_bound)
    }

    /// Whether the asked rate was missed in at least half of the repeats.
    pub(crate) fn rate_missed(&self, scenario: &str, program: Kind) -> bool {
        self.half(scenario, program, |run| run.rate_missed)
    }

    fn half(&self, scenario: &str, program: Kind, is: impl Fn(&Run) -> bool) -> bool {
        let Some(measured) = self.scenarios.get(scenario) else { return false };
        let of_program = measured.runs.iter().filter(|run| run.program == program);
        let (found, all) =
            of_program.fold((0, 0), |(found, all), run| (found + usize::from(is(run)), all + 1));
        all > 0 && found * 2 >= all
    }

    /// Median of one program over median of another.
    pub(crate) fn ratio(&self, scenario: &str, figure: &str, of: Kind, to: Kind) -> Option<f64> {
        let of = self.spread(scenario, of, figure)?.median;
        let to = self.spread(scenario, to, figure)?.median;
        (to > 0.0).then(|| of / to)
    }
}

/// Minimum, median and maximum; `None` of nothing.
pub(crate) fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        *values.get(middle)?
    } else {
        f64::midpoint(*values.get(middle - 1)?, *values.get(middle)?)
    };
    Some(Spread { median, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(spread(vec![]), None);
        assert_eq!(spread(vec![3.0, 1.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(spread(vec![4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn ratios_are_of_medians() {
        let run = |program, value: f64| Run {
            program,
            repeat: 0,
            load: [0.0; 3],
            generator_bound: program == Kind::Floor,
            rate_missed: false,
            figures: BTreeMap::from([("cpu_us_per_request".to_owned(), value)]),
        };
        let runs = [2.0, 4.0, 90.0]
            .iter()
            .flat_map(|value| [run(Kind::Kafka, value * 10.0), run(Kind::Floor, *value)])
            .collect();
        let measured = Measured {
            at: String::new(),
            machine: Machine::default(),
            storage: "tmpfs".to_owned(),
            seconds: 1.0,
            runs,
        };
        let mut results = Results::default();
        results.scenarios.insert("x".to_owned(), measured);
        let ratio = results.ratio("x", "cpu_us_per_request", Kind::Floor, Kind::Kafka);
        assert_eq!(ratio, Some(0.1));
        assert_eq!(results.ratio("x", "cpu_us_per_request", Kind::Walser, Kind::Kafka), None);
        assert!(results.generator_bound("x", Kind::Floor));
        assert!(!results.generator_bound("x", Kind::Kafka));
    }
}

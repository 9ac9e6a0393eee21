//! The plots of the storage engine: synced batches beside the device, partitions, recovery.

use super::{class, programs_lines};
use crate::peers::Kind;
use crate::plot::{self, Bar, Chart, Line, Panel, Spread};
use crate::results::Results;
use crate::scenarios::{PARTITION_COUNTS, SYNCED_CELLS, SYNCED_CONNECTIONS, SYNCED_SIZES};

/// MB/s over the size of a batch, one chart for each number of connections.
pub(super) fn synced(results: &Results) -> Option<String> {
    let mut charts = Vec::new();
    for (column, connections) in SYNCED_CONNECTIONS.into_iter().enumerate() {
        let cells = || {
            SYNCED_SIZES
                .into_iter()
                .zip(SYNCED_CELLS)
                .filter_map(move |((size, _), row)| Some((size, row.get(column)?.0)))
        };
        let mut lines = programs_lines(|program| {
            cells()
                .filter_map(|(size, name)| {
                    Some((size, results.spread(name, program, "mb_per_second")?))
                })
                .collect()
        });
        if lines.is_empty() {
            continue;
        }
        // As it was beside Walser's runs.
        for (figure, name, class) in [
            ("device_mb_per_second", "device, written over", "c"),
            ("growing_mb_per_second", "device, growing", "d"),
        ] {
            let device: Vec<(f64, Spread)> = cells()
                .filter_map(|(size, name)| {
                    Some((size, results.spread(name, Kind::Walser, figure)?))
                })
                .collect();
            if !device.is_empty() {
                lines.push(Line { name: name.to_owned(), class, points: device });
            }
        }
        let each = if connections == 1 { "connection" } else { "connections" };
        charts.push(Chart {
            title: format!("{connections} {each}, one request in flight on each"),
            x_title: "size of a batch".to_owned(),
            y_title: "MB/s acknowledged after a sync".to_owned(),
            x_ticks: SYNCED_SIZES
                .iter()
                .map(|(size, label)| (*size, (*label).to_owned()))
                .collect(),
            lines,
        });
    }
    let subtitle = "Both axes are logarithmic; more is better. The device alone: writes and syncs of as many batches as wait.";
    (!charts.is_empty())
        .then(|| plot::lines("Synced before the acknowledgement, by size", subtitle, &charts))
}

/// What one partition costs, over how many there are.
pub(super) fn partitions(results: &Results) -> Option<String> {
    const FIGURES: [(&str, &str, &str); 4] = [
        ("create_ms", "Creation", "milliseconds for each partition"),
        ("rest_kb_per_partition", "Memory at rest", "KB for each partition"),
        ("mb_per_second", "Produce over all partitions, 16 KB batches", "MB/s, more is better"),
        ("rest_descriptors", "File descriptors at rest", "open files of the process"),
    ];
    let mut charts = Vec::new();
    for (figure, title, y_title) in FIGURES {
        let lines = programs_lines(|program| {
            PARTITION_COUNTS
                .iter()
                .filter_map(|(count, _, name)| {
                    let spread = results.spread(name, program, figure)?;
                    // A logarithm has no place for nothing at all, or for less.
                    (spread.min > 0.0).then_some((f64::from(*count), spread))
                })
                .collect()
        });
        if !lines.is_empty() {
            charts.push(Chart {
                title: title.to_owned(),
                x_title: "partitions".to_owned(),
                y_title: y_title.to_owned(),
                x_ticks: PARTITION_COUNTS
                    .iter()
                    .map(|(count, label, _)| (f64::from(*count), (*label).to_owned()))
                    .collect(),
                lines,
            });
        }
    }
    let subtitle = "Both axes are logarithmic; less is better unless it says otherwise.";
    (!charts.is_empty()).then(|| plot::lines("From 1 to 100,000 partitions", subtitle, &charts))
}

/// How long nobody is served.
pub(super) fn recovery(results: &Results) -> Option<String> {
    const FIGURES: [(&str, &str); 2] = [
        ("killed_first_ack_ms", "after kill -9, to an acknowledged produce"),
        ("clean_first_ack_ms", "after an orderly stop, to an acknowledged produce"),
    ];
    const BARS: [(&str, Kind, &str); 3] = [
        ("recovery-10k", Kind::Kafka, "Kafka"),
        ("recovery-10k", Kind::Walser, "Walser"),
        ("recovery-10gib", Kind::Walser, "10 GiB"),
    ];
    let mut panels = Vec::new();
    for (figure, title) in FIGURES {
        let bars: Vec<Bar> = BARS
            .iter()
            .filter_map(|(scenario, program, name)| {
                let value = results.spread(scenario, *program, figure)?;
                Some(Bar { name: (*name).to_owned(), class: class(*program), value })
            })
            .collect();
        if !bars.is_empty() {
            panels.push(Panel { title: title.to_owned(), unit: "ms".to_owned(), bars });
        }
    }
    let subtitle = "From the start of the process; shorter is better. \"10 GiB\" is Walser with so much in its log.";
    (!panels.is_empty()).then(|| plot::bars("Start with 10,000 partitions", subtitle, &panels, 2))
}

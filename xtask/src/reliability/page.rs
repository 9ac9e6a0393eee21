//! The page out of the figures. Pure; a figure that is missing is an error and not a blank.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A figure by its place, as text.
fn figure(figures: &Value, place: &str) -> Result<String> {
    let found = figures.pointer(place).with_context(|| format!("no figure {place}"))?;
    Ok(match found {
        Value::Number(number) if number.is_u64() => grouped(number.as_u64().unwrap_or(0)),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The page; `{/place}` in the template below is a figure.
pub(super) fn render(figures: &Value) -> Result<String> {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{/") {
        let (place, after) = after.split_once('}').context("an open brace in the template")?;
        page.push_str(before);
        page.push_str(&figure(figures, &format!("/{place}"))?);
        rest = after;
    }
    page.push_str(rest);
    page.push_str("\n## Planted bugs\n\nA check counts once it has failed when it must. Each of these was planted in the same way:\n\n");
    page.push_str("| planted | noticed |\n|---|---|\n");
    let planted = figures.pointer("/trials/planted").and_then(Value::as_array);
    for bug in planted.context("no planted bugs")? {
        let (name, trial) = (figure(bug, "/bug")?, figure(bug, "/noticed by trial")?);
        page.push_str(&format!("| {name} | by simulated trial {trial} |\n"));
    }
    for (name, place) in [
        ("no sync is done at all, the power is cut", "/power-no-syncs"),
        ("the journal is not synced, the power is cut", "/power-no-journal-syncs"),
    ] {
        let cuts = figure(figures, &format!("{place}/cuts"))?;
        ensure!(figure(figures, &format!("{place}/noticed"))? == "true", "not noticed: {name}");
        page.push_str(&format!("| {name} | after {cuts} cuts |\n"));
    }
    for (name, place) in [
        ("the end of a log and the journal are gone after kill -9", "/kills-plant/noticed"),
        ("logs and journal are emptied after a life with failing calls", "/calls-plant/noticed"),
        ("both of two log directories fail, not one", "/folders-plant/noticed"),
        ("damage is served, and no pass looks for it", "/damage-plant/noticed"),
    ] {
        ensure!(figure(figures, place)? == "true", "this was not noticed: {name}");
        page.push_str(&format!("| {name} | by who reads everything |\n"));
    }
    page.push_str(
        "\n## Damaged files\n\n| file | folders damaged, and what became of them |\n|---|---|\n",
    );
    let kinds = figures.pointer("/damage/kinds").and_then(Value::as_object);
    for (kind, outcomes) in kinds.context("no damaged files")? {
        let outcomes = outcomes.as_object().context("no outcomes")?;
        let outcomes: Vec<String> =
            outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        page.push_str(&format!("| `{kind}` | {} |\n", outcomes.join(", ")));
    }
    page.push_str(LEGEND);
    Ok(page)
}

const TEMPLATE: &str = "# Reliability, checked

Generated out of {/how}, on {/date}, commit {/commit}, {/machine}. The figures as they came are in
[reliability.json](reliability.json). CI runs all of it for every change, but only each third of the failing calls (`cargo
xtask reliability --check`). Times hold for what else the machine did meanwhile.

| check | done | acknowledged records lost |
|---|---|---|
| crashes of the log on a simulated disk | {/trials/log/crashes} crashes in {/trials/log/trials} trials, {/trials/log/appends} appends, {/trials/log/faults} faults and {/trials/log/stalled syncs} stalls of the disk | 0 |
| crashes of compaction on a simulated disk | {/trials/compaction/crashes} crashes in {/trials/compaction/trials} trials, {/trials/compaction/crashes in compaction} of them during one of {/trials/compaction/compactions} compactions, {/trials/compaction/faults} faults and {/trials/compaction/stalled syncs} stalls of the disk, {/trials/compaction/stalled reads} readers that were behind | 0 |
| crashes of the metadata log on a simulated disk | {/trials/metadata/crashes} | 0 |
| kill -9 of the release binary under load | {/kills/kills} kills, {/kills/records} records, {/kills/commits} committed offsets | 0 |
| power cut while the broker writes | {/power/cuts} cuts, up to {/power/records} records | 0 |
| EIO or ENOSPC at each call of the operating system | {/calls/faults} faults at {/calls/calls} calls | 0 |
| EIO at each call on one of two log directories | {/folders/faults} faults at {/folders/calls} calls | 0, and none refused in the other |
| truncated files and flipped bits | {/damage/folders} damaged folders, {/trials/log/damages} on the simulated disk | none in silence but for {/damage/known} that nothing can show yet, see below |

A check that loses one record fails, so the zeros are what makes this page appear at all.

| from the start of the process to the first answer | median | longest |
|---|---|---|
| after kill -9 under load ({/kills/restarts} restarts; goal {/kills/goal_ms} ms, missed by {/kills/restarts_over_goal}) | {/kills/restart_ms_median} ms | {/kills/restart_ms_max} ms |
| after a power cut | {/power/restart_ms_median} ms | {/power/restart_ms_max} ms |

## What each check does

**Simulated disk.** A disk in memory keeps what was synced and loses, tears or reorders everything else; names too. Up
to three partitions share a journal. Random appends, syncs, checkpoints, truncations, deletions, rests and restarts
are stopped at a random change of the disk or disturbed by a failing write, sync or rename, a full disk or short reads;
then the machine crashes and the log is compared with a model of what was promised, twice in a row. A sync, a
checkpoint or a cold read stalls while other work goes on, and the machine may crash before it ends.
`cargo xtask crash trials --trials N --from SEED` runs more, `--seed SEED` replays one.

**Simulated disk, compaction.** The same of partitions that are compacted, beside others that are not: after any
sequence of appends, transactions, compactions, truncations, faults, stalls and crashes the latest value of each key
is there, offsets are in order and were written, and a reader that was behind, also one that stood in a stalled read
while what it read was compacted, has seen everything that is left. `cargo xtask crash trials --only compaction`
runs them alone, with `--seed SEED` it replays one.

**kill -9.** Producers, a consumer group and a reader of their own keep running while the broker is killed and
started again. Every record is there once, in order, at the offset that was acknowledged; committed offsets never go
back. `cargo xtask crash kills --cycles N`.

**Power cut.** The data folder is on a file system in a file, which is cloned in one step while the broker writes. A
second broker starts on the clone. `cargo xtask crash power --cycles N` (needs root and loop devices).

**Failing calls.** A library between the broker and the operating system makes the n-th call on the data folder fail,
for every n of a short life. The broker never panics; after a restart everything it acknowledged is there.
`cargo xtask crash calls`.

**Damaged files.** One file of a stopped or killed broker's folder loses its end or has one bit flipped. The broker
serves everything, or names the file and refuses, or logs an ERROR. `cargo xtask crash damage`.
";

const LEGEND: &str = "
*served*: everything is there. *refused*: the broker does not start and names the file. *reported*: something is
missing and an ERROR says so. *seen by the reader*: who reads there gets a storage error. *known gap*: nothing shows it, for the reason that `compat/crash/damage.py` gives beside the kind of file.

## Known limits

- Damage to the last entry of the journal looks as if a loss of power had torn it, until another follows: the next
  commit, or what the broker writes one to two seconds after the last one. A journal file that lost its end
  together with that looks the same. What only these entries had is lost without an ERROR.
- Damage to the last entry of the metadata log looks the same only where `durable-end` is damaged too, or older:
  it is written without a sync of its own, so a loss of power may take what was said in the last half minute.
- How far appends were synced that are too large for the journal, it hears one to two seconds after the last of
  them, each ten seconds while there are more, and each 16 MiB of a partition. Damage to what came since looks
  like a torn tail at the next start, and is cut.
- After a failed sync the page cache may show what the disk does not have. Recovery on the same running kernel
  writes the end of a log again, but not that of a relaxed topic: restart the machine, or unmount the file
  system, after an error of the disk. The simulated trials do so.
- The offset and the leader epoch of a batch lie before its checksum, and `leader-epoch-checkpoint` has none.
";

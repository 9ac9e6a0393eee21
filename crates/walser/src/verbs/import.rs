//! `walser import`: takes over the data folders of a stopped Kafka broker.
//!
//! In four steps: what its metadata says ([`kraft`]), what of it lies in its folders and whether that is
//! whole ([`source`]), a new data folder with copies of it ([`target`]), and a report of what was taken
//! and what was not. The source is only read. The new folder is built under another name beside its
//! place and renamed when it is complete, so an import that ends early leaves no data folder, only
//! `DIR.importing`, which can be deleted.
//!
//! Not taken over: what this version does not serve (access control, credentials, quotas, states of
//! transactions and share groups), and records that are on another broker or in tiered storage only.

mod kraft;
mod source;
mod target;

use env::Env;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use self::source::Plan;
use crate::cli::{ImportArgs, OutputFormat};
use crate::failure::Failure;
use crate::output::{self, thousands};

pub(crate) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let env = Env::system();
    crate::descriptors::raise(0);
    target::check_free(&*env.disk, &args.data_dir)?;
    let plan = source::plan(&*env.disk, &args.from, args.metadata.as_deref())?;
    let room = target::room(&*env.disk, &args.data_dir)?;
    if args.output == OutputFormat::Table {
        eprintln!(
            "{} topics with {} partitions, {} MiB; {} MiB are free",
            thousands(count(plan.topics.len())),
            thousands(count(plan.partitions().count())),
            thousands(plan.bytes() >> 20),
            thousands(room >> 20),
        );
    }
    if room < plan.bytes() {
        return Err(Failure::failed(format!(
            "the copy takes {} MiB, and only {} MiB are free where {} is to be",
            plan.bytes() >> 20,
            room >> 20,
            args.data_dir.display()
        )));
    }
    // Each byte is read to be checked, copied, and read again as the broker will find it.
    let bar = progress(plan.bytes().saturating_mul(3));
    let mut plan = plan;
    plan.check(&*env.disk, &|bytes| bar.inc(bytes))?;
    if !args.dry_run {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let into = target::Target { data: &args.data_dir, node: args.node_id };
        runtime.block_on(target::write(&env, into, &mut plan, &|bytes| bar.inc(bytes)))?;
    }
    bar.finish_and_clear();
    report(args, &plan)
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:30} {percent}% {bytes_per_sec} {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn report(args: &ImportArgs, plan: &Plan) -> Result<(), Failure> {
    let records: u64 = plan.partitions().map(|partition| partition.records).sum();
    let partitions = plan.partitions().count();
    if args.output == OutputFormat::Json {
        return Ok(output::print_json(&json!({
            "cluster_id": plan.cluster_id,
            "imported": !args.dry_run,
            "topics": plan.topics.iter().map(|topic| json!({
                "name": topic.name,
                "id": log::names::id_text(topic.id),
                "partitions": topic.partitions.len(),
                "records": topic.partitions.iter().map(|found| found.records).sum::<u64>(),
                "settings": topic.configs,
            })).collect::<Vec<_>>(),
            "left_out": plan.left_out,
        }))?);
    }
    let verb = if args.dry_run { "can be imported" } else { "imported" };
    let mut text = format!(
        "{verb}   {} topics with {} partitions and {} records, of cluster {}\n",
        thousands(count(plan.topics.len())),
        thousands(count(partitions)),
        thousands(records),
        plan.cluster_id
    );
    if !plan.left_out.is_empty() {
        text.push_str("not taken over:\n");
        for what in &plan.left_out {
            text.push_str(&format!("  {what}\n"));
        }
    }
    if !args.dry_run {
        let (program, data) = (output::program(), args.data_dir.display());
        text.push_str(&format!("next       {program} start --data-dir {data}\n"));
    }
    Ok(output::print(&text)?)
}

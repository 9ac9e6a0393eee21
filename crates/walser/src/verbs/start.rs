//! `walser start`: settings from all their sources, a broker, and a clean stop.

use std::path::PathBuf;
use std::sync::Arc;

use broker::config::{BrokerConfig, Format, Settings, Source};
use env::Env;

use super::StopSignals;
use crate::cli::StartArgs;
use crate::failure::{ExitMeaning, Failure};
use crate::output;
use crate::serve::{self, Running};

/// A configuration file is a few kilobytes; what is larger is another file.
const CONFIG_FILE_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(args: &StartArgs) -> Result<(), Failure> {
    let env = Env::system();
    let began = env.clock.monotonic();
    let config = configuration(args, &env)?;
    runtime(&config)?.block_on(async {
        let data = config.log_dirs.clone();
        // Before the broker is ready, so that no stop from then on is an unclean one.
        let signals = StopSignals::listen()?;
        let running = serve::serve(config).await.map_err(|error| advise(error.into()))?;
        let took = env.clock.monotonic().saturating_sub(began);
        output::print(&format!(
            "walser {} is ready after {} ms\n{}",
            env!("CARGO_PKG_VERSION"),
            took.as_millis(),
            whereabouts(&running, &data)
        ))?;
        let (program, bootstrap) = (output::program(), bootstrap(&running));
        output::print(&format!("next       {program} topic create hello{bootstrap}\n"))?;
        until_stopped(running, signals).await
    })
}

/// What to do about a start that did not work, in terms of this command.
fn advise(failure: Failure) -> Failure {
    if failure.meaning != ExitMeaning::AddressTaken {
        return failure;
    }
    let advice = "stop it, or listen elsewhere with --set listeners=PLAINTEXT://127.0.0.1:PORT";
    let lines = failure.lines.into_iter().map(|line| format!("{line}; {advice}")).collect();
    Failure { lines, ..failure }
}

/// Serves until the process is asked to stop, then stops cleanly.
pub(crate) async fn until_stopped(
    running: Running,
    mut signals: StopSignals,
) -> Result<(), Failure> {
    signals.asked().await;
    tracing::info!("stopping");
    tokio::spawn(async move {
        // Whoever asks twice does not want to wait.
        signals.asked().await;
        std::process::exit(ExitMeaning::Failed as i32);
    });
    running.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Threads as configured, or one for each processor.
pub(crate) fn runtime(config: &BrokerConfig) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.num_network_threads {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().thread_name("walser").build()?)
}

/// Where it listens and where its data is.
pub(crate) fn whereabouts(running: &Running, data: &[PathBuf]) -> String {
    let addresses: Vec<String> = running.addresses.iter().map(ToString::to_string).collect();
    let whole = |data: &PathBuf| data.canonicalize().unwrap_or_else(|_| data.clone());
    let data: Vec<_> = data.iter().map(|data| whole(data).display().to_string()).collect();
    format!("listening  {}\ndata       {}\n", addresses.join(", "), data.join(", "))
}

/// What the next command must be told to reach this broker; nothing where it finds it by itself.
pub(crate) fn bootstrap(running: &Running) -> String {
    match running.addresses.first() {
        Some(address) if address.to_string() != "127.0.0.1:9092" => {
            format!(" --bootstrap-server {address}")
        }
        _ => String::new(),
    }
}

fn configuration(args: &StartArgs, env: &Env) -> Result<BrokerConfig, Failure> {
    let mut settings = Settings::new();
    let mut errors = Vec::new();
    if let Some(path) = &args.config {
        let bytes = env.disk.read(path, CONFIG_FILE_BYTES_MAX).map_err(|error| {
            Failure::usage(format!(
                "cannot read the configuration file {}: {error}; name another with --config, or \
                 leave it out for the defaults",
                path.display()
            ))
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::usage(format!(
                "the configuration file {} is not UTF-8 text; save it as such",
                path.display()
            ))
        })?;
        let shown = path.display().to_string();
        errors.extend(settings.add_file(&shown, Format::of(path), &text));
    }
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    errors.extend(settings.add_environment(variables));
    for assignment in &args.set {
        errors.extend(settings.set_flag(assignment).err());
    }
    let mut flag = |flag: &str, key: &str, value: &str| {
        let set = settings.set(key, value, Source::Flag(Arc::from(flag)));
        errors.extend(set.err());
    };
    if let Some(dir) = &args.data_dir {
        flag("--data-dir", "log.dirs", &dir.to_string_lossy());
    }
    if args.insecure {
        flag("--insecure", "allow.insecure.listeners", "true");
    }
    if !errors.is_empty() {
        return Err(Failure::settings(&errors));
    }
    BrokerConfig::from_settings(settings).map_err(|errors| Failure::settings(&errors))
}

//! Automation behind `cargo xtask`: finds the verb and hands it its arguments.
//!
//! One module a verb; a verb is listed in [`VERBS`] and nowhere else. Does not parse a verb's own arguments.

mod bench;
mod ci;
mod compat;
mod crash;
mod dist;
mod fuzz;
mod guide;
mod import;
mod python;
mod reliability;
mod tidy;

use std::process::ExitCode;

/// A verb: its name, one line for the list, and what runs it.
struct Verb {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> anyhow::Result<ExitCode>,
}

const VERBS: &[Verb] = &[
    Verb { name: "ci", about: "everything a change must pass", run: ci::run },
    Verb {
        name: "tidy",
        about: "layers, file headers, README and ARCHITECTURE against the code",
        run: tidy::run,
    },
    Verb {
        name: "compat",
        about: "real clients against the release binary; writes docs/compatibility.md",
        run: compat::run,
    },
    Verb {
        name: "bench",
        about: "broker CPU, latency and memory beside Apache Kafka; writes docs/benchmarks",
        run: bench::run,
    },
    Verb {
        name: "crash",
        about: "crashes, faults and damage: nothing acknowledged is lost",
        run: crash::run,
    },
    Verb {
        name: "dist",
        about: "the static binary, the image, the systemd unit, and checks of them",
        run: dist::run,
    },
    Verb { name: "fuzz", about: "hostile bytes for every decoder, with libFuzzer", run: fuzz::run },
    Verb {
        name: "guide",
        about: "the commands of docs/guide, run as a reader would",
        run: guide::run,
    },
    Verb {
        name: "import",
        about: "what a real Kafka wrote, imported and compared; Kafka's dump tool reads our files",
        run: import::run,
    },
    Verb {
        name: "reliability",
        about: "all crash tests in full size; writes docs/reliability.md",
        run: reliability::run,
    },
];

fn list() -> String {
    let mut text = String::from("cargo xtask VERB [ARGUMENTS]; VERB --help tells more\n\n");
    for verb in VERBS {
        text.push_str(&format!("  {:<11} {}\n", verb.name, verb.about));
    }
    text
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprint!("{}", list());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        print!("{}", list());
        return ExitCode::SUCCESS;
    }
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
        eprint!("no verb {name}\n\n{}", list());
        return ExitCode::from(2);
    };
    let rest: Vec<String> = arguments.collect();
    match (verb.run)(&rest) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! Command lines are understood as meant, and refused where they cannot be.

use clap::{CommandFactory, Parser};

use super::*;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refused(line: &str) -> String {
    match Cli::try_parse_from(line.split_whitespace()) {
        Ok(cli) => panic!("{line} was understood as {cli:?}"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{line}");
            error.to_string()
        }
    }
}

#[test]
fn definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn create_takes_all_it_promises() {
    let line = "walser topic create t --partitions 3 --replication-factor 1 --config retention.ms=5 \
                -c cleanup.policy=compact -b h:1 -o json";
    let Verb::Topic(TopicVerb::Create(args)) = parse(line).verb else { panic!("another verb") };
    assert_eq!(
        (args.name.as_str(), args.partitions, args.replication_factor),
        ("t", Some(3), Some(1))
    );
    let config: Vec<(&str, &str)> =
        args.config.iter().map(|c| (c.key.as_str(), c.value.as_str())).collect();
    assert_eq!(config, [("retention.ms", "5"), ("cleanup.policy", "compact")]);
    assert_eq!(args.remote.bootstrap_server, "h:1");
    assert_eq!(args.remote.output, OutputFormat::Json);
}

#[test]
fn start_takes_all_it_promises() {
    let line =
        "walser start --config f --data-dir d --set a=b --set c=d --insecure --log-level debug";
    let cli = parse(line);
    assert_eq!(cli.log_level.as_deref(), Some("debug"));
    let Verb::Start(args) = cli.verb else { panic!("another verb") };
    assert_eq!(args.set, ["a=b", "c=d"]);
    assert!(args.insecure && args.config.is_some() && args.data_dir.is_some());
}

#[test]
fn places_are_understood() {
    let parse = |text: &str| text.parse::<Position>();
    assert_eq!(parse("start"), Ok(Position::Start));
    assert_eq!(parse("end"), Ok(Position::End));
    assert_eq!(parse("42"), Ok(Position::Offset(42)));
    let time = parse("2026-01-31T12:00:00Z").unwrap();
    assert_eq!(time.timestamp_ms(0), Some(1_769_860_800_000));
    assert!(matches!(parse("2026-01-31"), Ok(Position::Time(_))));
    assert!(matches!(parse("2026-01-31 12:30"), Ok(Position::Time(_))));
    assert_eq!(parse("15m").unwrap().timestamp_ms(1_000_000), Some(100_000));
    assert_eq!(parse("1h 30m ago").unwrap().timestamp_ms(6_000_000), Some(600_000));
    for wrong in ["-1", "begin", "", "2026-13-01"] {
        let error = parse(wrong).unwrap_err();
        assert!(error.contains("offset"), "{wrong}: {error}");
    }
}

#[test]
fn targets_are_understood() {
    let target = |topic: &str, partition| GroupTarget { topic: topic.to_owned(), partition };
    assert_eq!("t".parse(), Ok(target("t", None)));
    assert_eq!("t:3".parse(), Ok(target("t", Some(3))));
    assert!("t:x".parse::<GroupTarget>().is_err());
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (line, part) in [
        ("walser topic create t --partitions 0", "--partitions"),
        ("walser topic create t --config retention", "KEY=VALUE"),
        ("walser topic alter t", "required"),
        ("walser topic consume t --partition 1 --group g", "cannot be used with"),
        ("walser topic produce t --json --key-separator :", "cannot be used with"),
        ("walser topic produce t --compression brotli", "no compression codec"),
        ("walser topic delete", "required"),
        ("walser group seek g --to yesterday", "how long ago"),
        ("walser config list --topic t --broker 1", "cannot be used with"),
        ("walser topic cretae t", "create"),
        ("walser quickstart --records 0", "--records"),
    ] {
        let error = refused(line);
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[test]
fn help_names_the_exit_codes() {
    let help = Cli::command().render_long_help().to_string();
    for (code, meaning) in crate::failure::ExitMeaning::TABLE {
        assert!(help.contains(&format!("{code}  {meaning}")), "{help}");
    }
}

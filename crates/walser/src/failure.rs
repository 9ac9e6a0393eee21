//! How a command ends when it does not succeed: an exit code that a script can rely on, and a line
//! that says what was wrong, why, and what to do.

use std::io::IsTerminal;
use std::process::ExitCode;

use client::ClientError;
use wire::ErrorCode;

use crate::serve::StartError;

/// What an exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitMeaning {
    /// Whoever read the output has had enough (`| head`).
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// It was not asked for rightly.
    Usage = 2,
    /// No broker answers.
    Unreachable = 3,
    /// The broker does not allow it.
    Denied = 4,
    /// What was named does not exist.
    NotFound = 5,
    /// Another process listens there.
    AddressTaken = 6,
    /// The data folder cannot be used.
    DataFolder = 7,
}

impl ExitMeaning {
    /// Codes and what they mean, in order.
    pub(crate) const TABLE: &[(u8, &str)] = &[
        (0, "it worked"),
        (1, "it did not work; the message says why"),
        (2, "the command line or a setting is wrong; nothing was touched"),
        (3, "no broker answers at the address"),
        (4, "the broker does not allow it"),
        (5, "the topic, group, setting or file does not exist"),
        (6, "another process listens on the address"),
        (7, "the data folder is in use, belongs to something else, or cannot be written"),
    ];

    pub(crate) fn help() -> String {
        let lines: Vec<String> =
            Self::TABLE.iter().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) meaning: ExitMeaning,
    /// One or more whole messages, a line each.
    pub(crate) lines: Vec<String>,
}

impl Failure {
    pub(crate) fn new(meaning: ExitMeaning, line: impl Into<String>) -> Failure {
        Failure { meaning, lines: vec![line.into()] }
    }

    pub(crate) fn failed(line: impl Into<String>) -> Failure {
        Failure::new(ExitMeaning::Failed, line)
    }

    pub(crate) fn usage(line: impl Into<String>) -> Failure {
        Failure::new(ExitMeaning::Usage, line)
    }

    pub(crate) fn not_found(line: impl Into<String>) -> Failure {
        Failure::new(ExitMeaning::NotFound, line)
    }

    /// Settings that cannot be used, all of them.
    pub(crate) fn settings(errors: &[broker::config::ConfigError]) -> Failure {
        let lines = errors.iter().map(ToString::to_string).collect();
        Failure { meaning: ExitMeaning::Usage, lines }
    }

    /// Several things of the same kind that went wrong; the first decides the code.
    pub(crate) fn all(failures: Vec<Failure>) -> Result<(), Failure> {
        let mut failures = failures.into_iter();
        let Some(mut first) = failures.next() else { return Ok(()) };
        first.lines.extend(failures.flat_map(|failure| failure.lines));
        Err(first)
    }

    /// Prints it and gives the code.
    pub(crate) fn report(&self) -> ExitCode {
        let mark = if crate::output::has_colour(std::io::stderr().is_terminal()) {
            "\u{1b}[1;31merror:\u{1b}[0m"
        } else {
            "error:"
        };
        for line in &self.lines {
            eprintln!("{mark} {line}");
        }
        ExitCode::from(self.meaning as u8)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let meaning = match &error {
            ClientError::Connect { .. }
            | ClientError::Resolve { .. }
            | ClientError::ConnectionLost { .. }
            | ClientError::NotKafka { .. }
            | ClientError::Timeout { .. } => ExitMeaning::Unreachable,
            _ => error.code().map_or(ExitMeaning::Failed, meaning_of),
        };
        let line = match &error {
            ClientError::Connect { .. } => format!(
                "{error} Start one with 'walser quickstart', or name another with --bootstrap-server"
            ),
            _ => error.to_string(),
        };
        Failure::new(meaning, line)
    }
}

/// What a broker's refusal means to a script.
fn meaning_of(code: ErrorCode) -> ExitMeaning {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::GroupIdNotFound
        | ErrorCode::ResourceNotFound => ExitMeaning::NotFound,
        ErrorCode::TopicAuthorizationFailed
        | ErrorCode::GroupAuthorizationFailed
        | ErrorCode::ClusterAuthorizationFailed
        | ErrorCode::SaslAuthenticationFailed
        | ErrorCode::PolicyViolation => ExitMeaning::Denied,
        ErrorCode::InvalidConfig
        | ErrorCode::InvalidTopicException
        | ErrorCode::InvalidPartitions
        | ErrorCode::InvalidReplicationFactor => ExitMeaning::Usage,
        _ => ExitMeaning::Failed,
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        let meaning = match &error {
            StartError::AddressTaken { .. } => ExitMeaning::AddressTaken,
            StartError::DataFolder { .. } => ExitMeaning::DataFolder,
            StartError::Settings(_) => ExitMeaning::Usage,
            StartError::System(_) => ExitMeaning::Failed,
        };
        Failure::new(meaning, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => {
                Failure { meaning: ExitMeaning::Done, lines: Vec::new() }
            }
            _ => Failure::failed(error.to_string()),
        }
    }
}

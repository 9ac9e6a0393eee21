//! Argument values with a shape of their own.

use std::str::FromStr;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    #[value(alias = "text")]
    Table,
    /// For programs.
    Json,
}

/// `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(Assignment { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("a setting is given as KEY=VALUE".to_owned()),
        }
    }
}

/// A place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The first record.
    Start,
    /// After the last record.
    End,
    /// An offset.
    Offset(i64),
    /// The first record not before a time.
    Time(Timestamp),
    /// The first record not older than this.
    Ago(SignedDuration),
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "start" => return Ok(Position::Start),
            "end" => return Ok(Position::End),
            _ => {}
        }
        if let Ok(offset) = text.parse::<i64>() {
            return if offset >= 0 {
                Ok(Position::Offset(offset))
            } else {
                Err("an offset is 0 or more".to_owned())
            };
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Position::Time(time));
        }
        let local = text.parse::<civil::DateTime>().ok();
        let midnight = || text.parse::<civil::Date>().ok().map(civil::DateTime::from);
        if let Some(local) = local.or_else(midnight) {
            return local
                .to_zoned(TimeZone::system())
                .map(|zoned| Position::Time(zoned.timestamp()))
                .map_err(|error| error.to_string());
        }
        match text.trim_end_matches("ago").trim().parse::<SignedDuration>() {
            Ok(ago) if !ago.is_negative() => Ok(Position::Ago(ago)),
            _ => Err(
                "give start, end, an offset, a time (2026-01-31T12:00:00Z, or local without zone) \
                 or how long ago (15m, 2h30m)"
                    .to_owned(),
            ),
        }
    }
}

impl Position {
    /// The time it stands for, in milliseconds of the epoch.
    pub(crate) fn timestamp_ms(self, now_ms: i64) -> Option<i64> {
        match self {
            Position::Time(time) => Some(time.as_millisecond()),
            Position::Ago(ago) => {
                Some(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)))
            }
            Position::Start | Position::End | Position::Offset(_) => None,
        }
    }
}

/// A topic, or one partition of it: `TOPIC` or `TOPIC:PARTITION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupTarget {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
}

impl FromStr for GroupTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A topic's name has no colon.
        match text.split_once(':') {
            None => Ok(GroupTarget { topic: text.to_owned(), partition: None }),
            Some((topic, partition)) => match partition.parse::<u16>() {
                Ok(number) => {
                    Ok(GroupTarget { topic: topic.to_owned(), partition: Some(number.into()) })
                }
                Err(_) => Err(format!("'{partition}' is not the number of a partition")),
            },
        }
    }
}

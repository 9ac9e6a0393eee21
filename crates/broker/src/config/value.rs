//! Checking one value against its row, and the arithmetic of lists.
//!
//! A checked value is kept as text in its normal form (trimmed, numbers without `+` or leading
//! zeros, booleans in lower case, lists without blanks), which is what `DescribeConfigs` shows.

use super::error::{At, ConfigError};
use super::key::{ConfigKey, Valid, ValueType};
use super::listener;

/// The normal form of `value`, or why `key` does not take it.
pub(super) fn check(key: &'static ConfigKey, value: &str, at: &At) -> Result<String, ConfigError> {
    let value = value.trim();
    let refused = || ConfigError::Value {
        key: key.name,
        value: if key.is_sensitive() { "(hidden)".to_owned() } else { value.to_owned() },
        expected: key.valid_words(),
        at: at.clone(),
    };
    let normal = match key.value_type {
        ValueType::Boolean => match value.to_ascii_lowercase().as_str() {
            "true" => "true".to_owned(),
            "false" => "false".to_owned(),
            _ => return Err(refused()),
        },
        ValueType::Int => value.parse::<i32>().map_err(|_| refused())?.to_string(),
        ValueType::Long => value.parse::<i64>().map_err(|_| refused())?.to_string(),
        ValueType::Double => {
            let number: f64 = value.parse().map_err(|_| refused())?;
            if !number.is_finite() {
                return Err(refused());
            }
            double_text(number)
        }
        ValueType::String | ValueType::Password => value.to_owned(),
        ValueType::List => items(value).collect::<Vec<_>>().join(","),
    };
    let allowed = match key.valid {
        Valid::Any => true,
        Valid::Range(min, max) => in_range(&normal, min, max),
        Valid::RangeOrDefault(min, max) => normal == "-1" || in_range(&normal, min, max),
        Valid::Share => normal.parse::<f64>().is_ok_and(|share| (0.0..=1.0).contains(&share)),
        Valid::Positive => normal.parse::<f64>().is_ok_and(|number| number > 0.0),
        Valid::OneOf(words) => words.contains(&normal.as_str()),
        Valid::EachOf(words) => items(&normal).all(|item| words.contains(&item)),
        Valid::Listeners => listener::parse_list(&normal).is_some(),
        Valid::Folder => !normal.is_empty() && items(&normal).count() == 1,
        Valid::Folders => items(&normal).next().is_some(),
    };
    if allowed { Ok(normal) } else { Err(refused()) }
}

/// A number as Kafka shows it: 0.5, 1.0, 1.0E7.
fn double_text(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => text,
    }
}

fn in_range(number: &str, min: i64, max: i64) -> bool {
    number.parse::<i64>().is_ok_and(|number| (min..=max).contains(&number))
}

/// The items of a list value.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// A list value with the items of another that it does not have yet.
#[must_use]
pub fn list_append(list: &str, more: &str) -> String {
    let mut all: Vec<&str> = items(list).collect();
    for item in items(more) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all.join(",")
}

/// A list value without the items of another.
#[must_use]
pub fn list_subtract(list: &str, less: &str) -> String {
    let less: Vec<&str> = items(less).collect();
    items(list).filter(|item| !less.contains(item)).collect::<Vec<_>>().join(",")
}

//! Values from all sources, each remembered with where it came from; the strongest one counts.
//!
//! Nothing gets in without passing its row's check, so reading a value later cannot fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{At, ConfigError};
use super::file::{self, Format};
use super::key::{self, ConfigKey, Scope};
use super::source::Source;
use super::value;

/// Environment variables that start like a setting and are something else.
pub const RESERVED_VARIABLES: &[&str] = &["WALSER_BOOTSTRAP_SERVER", "WALSER_CONFIG", "WALSER_LOG"];

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value in its normal form.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

/// Broker values from all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What was set, strongest first; keys nobody set are absent.
    values: BTreeMap<&'static str, Vec<Setting>>,
}

impl Settings {
    /// Nothing set: all defaults.
    #[must_use]
    pub fn new() -> Settings {
        Settings::default()
    }

    /// Sets a broker key. The same source a second time replaces what it said before.
    pub fn set(&mut self, name: &str, value: &str, source: Source) -> Result<(), ConfigError> {
        let at = At::source(source.clone());
        let key = key::find(Scope::Broker, name.trim(), &at)?;
        let value = value::check(key, value, &at)?;
        let settings = self.values.entry(key.name).or_default();
        settings.retain(|setting| rank(&setting.source) != rank(&source));
        settings.push(Setting { value, source });
        settings.sort_by_key(|setting| std::cmp::Reverse(rank(&setting.source)));
        Ok(())
    }

    /// Takes `KEY=VALUE` from the command line.
    pub fn set_flag(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let source = Source::Flag(Arc::from(format!("--set {assignment}")));
        match assignment.split_once('=') {
            Some((name, value)) => self.set(name, value, source),
            None => Err(ConfigError::Syntax {
                problem: "a setting is given as KEY=VALUE".to_owned(),
                at: At::source(source),
            }),
        }
    }

    /// Takes the content of a file; `path` is what errors name. Returns everything that is wrong
    /// with it, so that a person mends it in one go.
    pub fn add_file(&mut self, path: &str, format: Format, text: &str) -> Vec<ConfigError> {
        let path: Arc<str> = Arc::from(path);
        let entries = match file::parse(&path, format, text) {
            Ok(entries) => entries,
            Err(error) => return vec![error],
        };
        let mut errors = Vec::new();
        for entry in entries {
            let source = Source::File(path.clone(), entry.line);
            errors.extend(self.set(&entry.name, &entry.value, source).err());
        }
        errors
    }

    /// Takes the `WALSER_...` variables of an environment and returns everything that is wrong with
    /// them. `WALSER_LOG_RETENTION_MS` is `log.retention.ms`: no key has an underscore of its own.
    pub fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        for (variable, value) in variables {
            let Some(rest) = variable.strip_prefix("WALSER_") else { continue };
            if RESERVED_VARIABLES.contains(&variable.as_str()) {
                continue;
            }
            let name = rest.to_lowercase().replace('_', ".");
            let source = Source::Environment(Arc::from(variable.as_str()));
            errors.extend(self.set(&name, &value, source).err());
        }
        errors
    }

    /// Takes away what was changed at run time.
    pub(super) fn clear_dynamic(&mut self) {
        for settings in self.values.values_mut() {
            settings.retain(|setting| setting.source < Source::DynamicDefaultBroker);
        }
        self.values.retain(|_, settings| !settings.is_empty());
    }

    /// What was set for a key, strongest first.
    #[must_use]
    pub fn explicit(&self, name: &str) -> &[Setting] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The value that counts; `None` when the key has no default and nothing sets it.
    #[must_use]
    pub fn effective(&self, key: &ConfigKey) -> Option<Setting> {
        match self.explicit(key.name).first() {
            Some(setting) => Some(setting.clone()),
            None => key
                .default
                .map(|value| Setting { value: value.to_owned(), source: Source::Default }),
        }
    }
}

/// Sources of one rank replace each other; a higher rank is stronger.
fn rank(source: &Source) -> u8 {
    match source {
        Source::Default => 0,
        Source::File(..) => 1,
        Source::Environment(_) => 2,
        Source::Flag(_) => 3,
        Source::DynamicDefaultBroker => 4,
        Source::DynamicBroker => 5,
        Source::DynamicTopic => 6,
    }
}

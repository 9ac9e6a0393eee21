//! Configurations: override, stop overriding, replace all of a resource.
//!
//! Whether a key exists and takes a value is the caller's to know; here is only that its resource
//! exists, that lists are edited against the newest value, and that values stay small.

use std::collections::BTreeMap;

use super::topics::check_config_values;
use crate::{
    ConfigAlteration, ConfigChange, ConfigEdit, ConfigResource, Image, MetadataRecord, Refusal,
};

type Overrides = BTreeMap<String, String>;

pub(super) fn alter(
    image: &Image,
    alteration: &ConfigAlteration,
) -> Result<(Vec<MetadataRecord>, Overrides), Refusal> {
    let resource = &alteration.resource;
    if let ConfigResource::Topic(name) = resource
        && image.topic(name).is_none()
    {
        return Err(Refusal::UnknownTopic { name: name.clone() });
    }
    let before: Overrides = image.config(resource).map(|all| (**all).clone()).unwrap_or_default();
    let after = match &alteration.change {
        ConfigChange::Replace(all) => all.clone(),
        ConfigChange::Incremental(edits) => edit_all(&before, edits)?,
    };
    check_config_values(&after)?;
    let removed = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| MetadataRecord::RemoveConfig { resource: resource.clone(), key: key.clone() });
    let set =
        after.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(key, value)| {
            MetadataRecord::SetConfig {
                resource: resource.clone(),
                key: key.clone(),
                value: value.clone(),
            }
        });
    Ok((removed.chain(set).collect(), after))
}

fn edit_all(before: &Overrides, edits: &[(String, ConfigEdit)]) -> Result<Overrides, Refusal> {
    let mut after = before.clone();
    let mut seen = std::collections::BTreeSet::new();
    for (key, edit) in edits {
        if !seen.insert(key) {
            return Err(Refusal::InvalidRequest {
                reason: format!("Error due to duplicate config keys: {key}"),
            });
        }
        let value = match edit {
            ConfigEdit::Delete => None,
            ConfigEdit::Set(value) => Some(value.clone()),
            ConfigEdit::Append { items: more, default } => {
                let mut list = items(before.get(key).unwrap_or(default));
                for item in items(more) {
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
                Some(list.join(","))
            }
            ConfigEdit::Subtract { items: less, default } => {
                let less = items(less);
                let mut list = items(before.get(key).unwrap_or(default));
                list.retain(|item| !less.contains(item));
                Some(list.join(","))
            }
        };
        match value {
            Some(value) => after.insert(key.clone(), value),
            None => after.remove(key),
        };
    }
    Ok(after)
}

fn items(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

//! The Dockerfile and the systemd unit against the settings there are: folder, port, user, keys. That
//! they work as well is for `cargo xtask dist --check` to show.

use std::collections::BTreeMap;

use broker::config::{BROKER_KEYS, BrokerConfig, Settings};

const DOCKERFILE: &str = include_str!("../../../packaging/Dockerfile");
const UNIT: &str = include_str!("../../../packaging/walser.service");

/// What stands behind `word` at the start of a line; a line that ends in a backslash goes on.
fn said(text: &str, word: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.strip_prefix(word));
    lines.map(|rest| rest.trim().to_owned()).collect()
}

/// The one thing that is said of `word`.
fn only(text: &str, word: &str) -> String {
    let said = said(text, word);
    assert_eq!(said.len(), 1, "{word} {said:?}");
    said[0].clone()
}

fn variables(text: &str, word: &str) -> BTreeMap<String, String> {
    let lines = said(text, word);
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    let pairs = words.map(|word| word.split_once('=').expect("NAME=VALUE"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The configuration a broker has with these variables and nothing else.
fn configuration(variables: &BTreeMap<String, String>) -> BrokerConfig {
    let mut settings = Settings::new();
    let errors = settings.add_environment(variables.clone());
    assert!(errors.is_empty(), "{errors:?}");
    BrokerConfig::from_settings(settings).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The port that a broker listens on when nothing is said.
fn default_port() -> u16 {
    configuration(&BTreeMap::new()).listeners[0].port
}

#[test]
fn the_variables_are_settings() {
    let all = [variables(DOCKERFILE, "ENV "), variables(UNIT, "Environment=")];
    for (variable, value) in all.iter().flatten() {
        let key = BROKER_KEYS.iter().find(|key| key.variable().as_ref() == Some(variable));
        let key = key.unwrap_or_else(|| panic!("{variable}={value} sets nothing"));
        assert_ne!(key.default, Some(value.as_str()), "{variable} is the default anyway");
    }
}

#[test]
fn the_image_agrees_with_its_settings() {
    let config = configuration(&variables(DOCKERFILE, "ENV "));
    assert_eq!(only(DOCKERFILE, "VOLUME"), config.log_dirs[0].to_str().expect("text"));
    let port: u16 = only(DOCKERFILE, "EXPOSE").parse().expect("a port");
    assert_eq!(port, default_port());
    assert_eq!(config.listeners[0].port, port);
    assert!(config.listeners[0].is_every_address(), "a published port must reach it");
    assert_eq!(config.advertised_listeners[0].port, port);
    assert!(!config.advertised_listeners[0].is_every_address(), "nobody can connect to that");

    let user = only(DOCKERFILE, "USER");
    let (uid, gid) = user.split_once(':').expect("uid and gid");
    assert!(uid.parse::<u32>().expect("a number: the image has no names") > 0);
    assert!(gid.parse::<u32>().expect("a number") > 0);
    let copy = only(DOCKERFILE, "COPY");
    assert!(copy.starts_with(&format!("--chown={user} ")), "{copy}: not the user's own");
    assert_eq!(only(DOCKERFILE, "FROM"), "scratch");
    assert_eq!(only(DOCKERFILE, "CMD"), "[\"start\"]");
}

#[test]
fn the_unit_agrees_with_its_settings() {
    let config = configuration(&variables(UNIT, "Environment="));
    let folder = format!("/var/lib/{}", only(UNIT, "StateDirectory="));
    assert_eq!(config.log_dirs[0].to_str(), Some(folder.as_str()));
    assert_eq!(only(UNIT, "WorkingDirectory="), folder);
    assert_eq!(config.listeners[0].port, default_port());
    assert!(config.listeners[0].is_loopback(), "another address is for the administrator to open");
    assert_eq!(only(UNIT, "ExecStart="), "/usr/local/bin/walser start");
    assert_eq!(only(UNIT, "DynamicUser="), "yes");
    // The codes of the guide: usage or configuration, and the data folder.
    assert_eq!(only(UNIT, "RestartPreventExitStatus="), "2 7");
}

#[test]
fn image_and_unit_keep_their_data_in_the_same_place() {
    let image = variables(DOCKERFILE, "ENV ");
    let unit = variables(UNIT, "Environment=");
    assert_eq!(image["WALSER_LOG_DIRS"], unit["WALSER_LOG_DIRS"]);
}

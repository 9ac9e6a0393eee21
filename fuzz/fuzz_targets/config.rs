//! The configuration file in both its formats, chosen by the first byte. Each value is in its normal
//! form, every fault has its words, and what passed the checks makes a configuration or says why not.
#![no_main]

use broker::config::{BROKER_KEYS, BrokerConfig, Format, Settings, Source};

fn check(data: &[u8]) {
    let mut rest = data;
    let [which] = walser_fuzz::number(&mut rest);
    let format = if which % 2 == 0 { Format::Properties } else { Format::Toml };
    let text = String::from_utf8_lossy(rest);
    let mut settings = Settings::new();
    for error in settings.add_file("walser.conf", format, &text) {
        assert!(!error.to_string().is_empty());
    }
    for key in BROKER_KEYS {
        for setting in settings.explicit(key.name) {
            let mut again = Settings::new();
            let set = again.set(key.name, &setting.value, Source::Default);
            assert!(set.is_ok(), "{}: its normal form is refused: {set:?}", key.name);
            assert_eq!(again.explicit(key.name)[0].value, setting.value, "{}", key.name);
        }
    }
    match BrokerConfig::from_settings(settings) {
        Ok(config) => {
            assert!(!config.describe_broker().is_empty());
        }
        Err(errors) => assert!(errors.iter().all(|error| !error.to_string().is_empty())),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "\u{0}# a comment\nnode.id=3\nlisteners = PLAINTEXT://127.0.0.1:9092\nlog.dirs: /a\\\n  b\n",
        "\u{0}log.retention.ms=-1\nauto.create.topics.enable=TRUE\nbroker.rack=\\u0061\n",
        "\u{1}node.id = 3\n[log.retention]\nms = 1000\n[num]\npartitions = 2\n",
        "\u{1}\"log.dirs\" = \"/data\"\nlisteners = \"PLAINTEXT://[::1]:0\"\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

walser_fuzz::target!(check, seeds);

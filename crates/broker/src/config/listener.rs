//! Where a broker listens and where it says it can be reached: `PLAINTEXT://HOST:PORT`.
//!
//! Only plain connections so far, so the name in front is always `PLAINTEXT` and there is one
//! listener. TLS and login bring more names.

use std::fmt;
use std::net::IpAddr;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name clients' connections are told apart by.
    pub name: String,
    /// Host name or address; IPv6 without brackets; empty for every address of the machine.
    pub host: String,
    /// The port; 0 takes a free one when listening.
    pub port: u16,
}

impl Listener {
    /// Parses `PLAINTEXT://HOST:PORT`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Listener> {
        let (name, address) = text.split_once("://")?;
        if name != "PLAINTEXT" {
            return None;
        }
        let (host, port) = address.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let host = rest.strip_suffix(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                host
            }
            None if host.contains([':', '/', '@', ' ']) => return None,
            None => host,
        };
        Some(Listener { name: name.to_owned(), host: host.to_owned(), port: port.parse().ok()? })
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it stands for every address of the machine, which is nothing a client can connect to.
    #[must_use]
    pub fn is_every_address(&self) -> bool {
        self.host.is_empty()
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }

    /// `HOST:PORT` as a resolver takes it; every address becomes `[::]`, which takes IPv4 as well.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        match self.host.as_str() {
            "" => format!("[::]:{}", self.port),
            host if host.contains(':') => format!("[{host}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host.as_str() {
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        write!(f, "{}://{host}:{}", self.name, self.port)
    }
}

/// A list of listeners, each name once and at least one.
pub(super) fn parse_list(text: &str) -> Option<Vec<Listener>> {
    let listeners: Vec<Listener> =
        super::value::items(text).map(Listener::parse).collect::<Option<_>>()?;
    (listeners.len() == 1).then_some(listeners)
}

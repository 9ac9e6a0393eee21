//! One connection to the broker, with bytes as they are or as requests.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use bytes::Bytes;
use wire::{Request, frame};

use crate::target::PATIENCE;

/// A version in which produce and fetch name topics by name.
pub const BY_NAME: i16 = 12;

pub struct Peer {
    pub stream: TcpStream,
    correlation: i32,
}

impl Peer {
    pub fn connect(address: &str) -> Peer {
        let stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) => panic!("cannot connect: {error} (limit on open files?)"),
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, correlation: 0 }
    }

    /// Sends bytes; says whether the broker still takes them.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will come.
    pub fn shut(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next frame without its length; none at the end of the connection.
    pub fn frame(&mut self) -> Option<Bytes> {
        let len = self.bytes(4)?;
        let len = i32::from_be_bytes(len.as_ref().try_into().unwrap());
        self.bytes(usize::try_from(len).unwrap())
    }

    fn bytes(&mut self, count: usize) -> Option<Bytes> {
        let mut bytes = vec![0; count];
        match self.stream.read_exact(&mut bytes) {
            Ok(()) => Some(Bytes::from(bytes)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("neither an answer nor the end of the connection came")
            }
            Err(_) => None,
        }
    }

    /// The broker ends the connection without another word.
    pub fn expect_closed(&mut self, why: &str) {
        let frame = self.frame();
        assert!(frame.is_none(), "{why}: answered with {} bytes", frame.unwrap().len());
    }

    /// Sends a request and takes its answer.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let sent = self.ask(version, request);
        assert!(sent, "{} {version}: the connection was closed", R::NAME);
        self.answer::<R>(version, self.correlation)
    }

    /// Sends a request; says whether the broker still takes it.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> bool {
        self.correlation += 1;
        let bytes = encoded(version, self.correlation, request);
        self.send(&bytes)
    }

    /// Takes the answer to the request with this number.
    pub fn answer<R: Request>(&mut self, version: i16, correlation: i32) -> R::Response {
        let Some(frame) = self.frame() else {
            panic!("{} {version}: the connection was closed instead of answered", R::NAME)
        };
        let (answered, response) = frame::decode_response::<R::Response>(frame, version).unwrap();
        assert_eq!(answered, correlation, "{} {version}: answers out of order", R::NAME);
        response
    }
}

/// A whole frame.
pub fn encoded<R: Request>(version: i16, correlation: i32, request: &R) -> Bytes {
    let encoded = frame::encode_request(version, correlation, Some("test"), request).unwrap();
    encoded.to_bytes().unwrap()
}

/// A frame with a header and whatever body.
pub fn raw(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let known = wire::ApiKey::from_number(key);
    let flexible = known.is_some_and(|known| known.request_header_version(version) >= 2);
    let mut header = Vec::new();
    header.extend_from_slice(&key.to_be_bytes());
    header.extend_from_slice(&version.to_be_bytes());
    header.extend_from_slice(&77_i32.to_be_bytes());
    header.extend_from_slice(&(-1_i16).to_be_bytes());
    if flexible {
        header.push(0);
    }
    let len = i32::try_from(header.len() + body.len()).unwrap();
    [&len.to_be_bytes(), header.as_slice(), body].concat()
}

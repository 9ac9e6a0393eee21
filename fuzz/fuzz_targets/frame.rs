//! Frames: the length before them and the header in front. However the bytes arrive, the frames are
//! the same.
#![no_main]

use bytes::{Bytes, BytesMut};
use wire::frame::{self, FrameLenError};

const LIMIT: usize = 4096;

type Taken = (Vec<Bytes>, Result<(), FrameLenError>);

fn take_all(chunks: &[&[u8]]) -> Taken {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match frame::take_frame(&mut buffer, LIMIT) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, Ok(()))
}

fn check(data: &[u8]) {
    let mut rest = data;
    let [cut] = walser_fuzz::number(&mut rest);
    let (first, second) = rest.split_at(usize::from(cut).min(rest.len()));
    let (frames, end) = take_all(&[rest]);
    assert_eq!(take_all(&[first, second]), (frames.clone(), end.clone()));
    for frame in frames {
        assert!(frame.len() <= LIMIT);
        let mut message = frame.clone();
        match frame::decode_request_header(&mut message) {
            Ok(header) => {
                assert_eq!(frame[..2], header.api_key.number().to_be_bytes());
                assert_eq!(frame[2..4], header.api_version.to_be_bytes());
                assert_eq!(frame[4..8], header.correlation_id.to_be_bytes());
            }
            Err(error) => {
                assert_eq!(message.len(), frame.len(), "an error took bytes off");
                assert!(!error.to_string().is_empty());
            }
        }
        for (key, version) in [(wire::ApiKey::Fetch, 4), (wire::ApiKey::Fetch, 12)] {
            let mut message = frame.clone();
            let decoded = frame::decode_response_header(&mut message, key, version).ok();
            let peeked = frame::peek_correlation_id(&frame);
            assert!(decoded.is_none() || decoded == peeked);
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let request = wire::messages::ApiVersionsRequest::default();
    let old = wire::messages::HeartbeatRequest::default();
    let mut frames = vec![5];
    for encoded in [
        frame::encode_request(3, 7, Some("client"), &request),
        frame::encode_request(0, 8, None, &old),
    ] {
        let encoded = encoded.expect("defaults are encoded");
        frames.extend_from_slice(&encoded.to_bytes().expect("nothing external"));
    }
    vec![frames]
}

walser_fuzz::target!(check, seeds);

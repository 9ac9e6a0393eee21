//! Every response that has a struct: API key and version, then a frame without its length.
#![no_main]

use bytes::Bytes;
use wire::frame;
use wire::messages::*;
use wire::{ApiKey, Message};

fn check(data: &[u8]) {
    let mut data = data;
    let key = i16::from_be_bytes(walser_fuzz::number(&mut data));
    let version = i16::from_be_bytes(walser_fuzz::number(&mut data));
    let Some(key) = ApiKey::from_number(key) else { return };
    let mut message = Bytes::copy_from_slice(data);
    if frame::decode_response_header(&mut message, key, version).is_err() {
        return;
    }
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            #[allow(unreachable_patterns, reason = "until every API has its structs")]
            match key {
                $(ApiKey::$api => {
                    if $response::version(version).is_some() {
                        walser_fuzz::message::<$response>(&message, version);
                    }
                })*
                _ => {}
            }
        };
    }
    wire::for_each_api!(each);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            $(for (version, response) in walser_fuzz::samples::<$response>() {
                let encoded = frame::encode_response(version, 1, &response);
                let frame = encoded.expect("what was generated is encoded").to_bytes();
                let mut seed = ApiKey::$api.number().to_be_bytes().to_vec();
                seed.extend(version.to_be_bytes());
                seed.extend_from_slice(&frame.expect("nothing external")[frame::LEN_SIZE..]);
                seeds.push(seed);
            })*
        };
    }
    wire::for_each_api!(each);
    seeds
}

walser_fuzz::target!(check, seeds);

//! Every request that has a struct, in the version its header names: a frame without its length.
#![no_main]

use bytes::Bytes;
use wire::frame;
use wire::messages::*;
use wire::{ApiKey, Message};

fn check(data: &[u8]) {
    let mut message = Bytes::copy_from_slice(data);
    let Ok(header) = frame::decode_request_header(&mut message) else { return };
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            #[allow(unreachable_patterns, reason = "until every API has its structs")]
            match header.api_key {
                $(ApiKey::$api => {
                    if $request::version(header.api_version).is_some() {
                        walser_fuzz::message::<$request>(&message, header.api_version);
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
            $(for (version, request) in walser_fuzz::samples::<$request>() {
                let encoded = frame::encode_request(version, 1, Some("c"), &request);
                let frame = encoded.expect("what was generated is encoded").to_bytes();
                seeds.push(frame.expect("nothing external")[frame::LEN_SIZE..].to_vec());
            })*
        };
    }
    wire::for_each_api!(each);
    seeds
}

walser_fuzz::target!(check, seeds);

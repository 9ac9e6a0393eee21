//! `#[derive(Message)]`: turns a struct of plain fields into a Kafka schema.
//!
//! The attributes carry what the protocol's schema carries, so the struct *is* the schema:
//!
//! | attribute | on | meaning |
//! |---|---|---|
//! | `#[message(versions = "3-13", flexible = "9+")]` | a top-level struct | versions served; first one with compact lengths and tagged fields. A struct without `#[message]` is a part of another one |
//! | `api = Produce` | in `#[message]` | the struct is the `...Request` or `...Response` of that API |
//! | `#[field(versions = "5+")]` | a field | versions that carry the field (default: all) |
//! | `nullable = "7+"` | an `Option` field | versions that may carry null (default: all that carry the field) |
//! | `default = -1` | a field | value where the version lacks the field, and of `Default::default()` (an `Option` without it defaults to `None`) |
//! | `ignorable` | a field | a value set for a version that lacks the field is dropped; without it, that is an error |
//! | `tag = 0` | a field | the field is carried in the tagged section of the versions named by `versions` |
//!
//! The derive also writes `Default` (the schema's defaults), so do not derive that.
//!
//! One function per direction and struct, with the version as a run-time argument: what is
//! generated stays small however many versions there are. It deliberately knows nothing of wire
//! representations; those belong to the field types (`wire::Value`).

mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `wire::Value`, `wire::Nullable` and `Default`; with `#[message(...)]` also
/// `wire::Message`, and with `api = ...` `wire::Request` or `wire::Response`.
#[proc_macro_derive(Message, attributes(message, field))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match parse::Schema::read(&input) {
        Ok(schema) => expand::expand(&schema).into(),
        Err(error) => error.to_compile_error().into(),
    }
}

//! Writes the implementations for a [`Schema`].
//!
//! Paths start at `::wire`, so that any crate that depends on `wire` under that name can derive.
//! Invariant: `encode` and `decode` visit untagged fields in the order of declaration and tagged
//! ones in the order of their tags.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::parse::{Member, Range, Schema, TopLevel};

pub(crate) fn expand(schema: &Schema) -> TokenStream {
    let default = default_impl(schema);
    let value = value_impl(schema);
    let generate = generate_impl(schema);
    let top = schema.top.as_ref().map(|top| top_level(schema, top));
    quote! { #default #value #generate #top }
}

/// The expression of the field's default.
fn default_of(member: &Member) -> TokenStream {
    match (&member.default, member.optional) {
        (Some(expr), true) => quote!(::core::option::Option::Some(#expr)),
        (Some(expr), false) => quote!(#expr),
        (None, _) => quote!(::core::default::Default::default()),
    }
}

/// A condition that holds when the field has its default value.
fn has_default(member: &Member) -> TokenStream {
    let name = &member.name;
    let ty = &member.ty;
    match (&member.default, member.optional) {
        (None, true) => quote!(self.#name.is_none()),
        (None, false) => quote!(self.#name == <#ty as ::core::default::Default>::default()),
        (Some(_), _) => {
            let default = default_of(member);
            quote!(self.#name == #default)
        }
    }
}

/// A condition that holds in the versions of the range; `None` if it always does.
fn within(range: Range) -> Option<TokenStream> {
    let Range { min, max } = range;
    (range != Range::ALL).then(|| quote!(version.within(#min, #max)))
}

fn label(schema: &Schema, member: &Member) -> String {
    format!("{}.{}", schema.name, member.name.unraw())
}

/// The variable that holds the field while it is decoded; prefixed, so that a field called
/// `version` does not hide the argument.
fn local(member: &Member) -> Ident {
    format_ident!("field_{}", member.name)
}

fn untagged(schema: &Schema) -> impl Iterator<Item = &Member> {
    schema.members.iter().filter(|member| member.tag.is_none())
}

fn tagged(schema: &Schema) -> Vec<(u32, &Member)> {
    let mut tagged: Vec<_> = schema.members.iter().filter_map(|m| Some((m.tag?, m))).collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    tagged
}

fn default_impl(schema: &Schema) -> TokenStream {
    let name = &schema.name;
    let fields = schema.members.iter().map(|member| {
        let field = &member.name;
        let default = default_of(member);
        quote!(#field: #default)
    });
    quote! {
        impl ::core::default::Default for #name {
            fn default() -> Self {
                Self { #(#fields),* }
            }
        }
    }
}

fn value_impl(schema: &Schema) -> TokenStream {
    let name = &schema.name;
    let sizes = untagged(schema).map(|member| {
        let ty = &member.ty;
        let size = quote!(size += <#ty as ::wire::Value>::min_size(version););
        match within(member.versions) {
            Some(within) => quote!(if #within { #size }),
            None => size,
        }
    });
    let puts = untagged(schema).map(|member| put(schema, member));
    let put_tagged = put_tagged(schema);
    let gets = untagged(schema).map(|member| get(schema, member));
    let get_tagged = get_tagged(schema);
    let fields = schema.members.iter().map(|member| {
        let name = &member.name;
        let local = local(member);
        quote!(#name: #local)
    });
    quote! {
        #[allow(unused_mut, unused_variables)]
        impl ::wire::Value for #name {
            fn min_size(version: ::wire::Version) -> usize {
                let mut size = usize::from(version.flexible());
                #(#sizes)*
                size
            }

            fn encode_value<S: ::wire::Sink>(
                &self,
                sink: &mut S,
                version: ::wire::Version,
            ) -> ::core::result::Result<(), ::wire::EncodeError> {
                #(#puts)*
                #put_tagged
                ::core::result::Result::Ok(())
            }

            fn decode_value(
                reader: &mut ::wire::Reader<'_>,
                version: ::wire::Version,
            ) -> ::core::result::Result<Self, ::wire::DecodeError> {
                #(#gets)*
                #get_tagged
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }

        impl ::wire::Nullable for #name {}
    }
}

/// An error unless the field has its default, for a version that lacks the field.
fn absent(schema: &Schema, member: &Member) -> Option<TokenStream> {
    let label = label(schema, member);
    let has_default = has_default(member);
    (!member.ignorable).then(|| {
        quote! {
            if !(#has_default) {
                return ::core::result::Result::Err(
                    ::wire::EncodeError::Unsupported { field: #label, version: version.number() },
                );
            }
        }
    })
}

fn put(schema: &Schema, member: &Member) -> TokenStream {
    let name = &member.name;
    let label = label(schema, member);
    let put = quote!(::wire::Value::encode_value(&self.#name, sink, version)?;);
    let put = match member.nullable.filter(|range| *range != member.versions).and_then(within) {
        Some(nullable) => quote! {
            if #nullable {
                #put
            } else {
                ::wire::value::put_required(self.#name.as_ref(), sink, version, #label)?;
            }
        },
        None => put,
    };
    match (within(member.versions), absent(schema, member)) {
        (None, _) => put,
        (Some(within), None) => quote!(if #within { #put }),
        (Some(within), Some(absent)) => quote!(if #within { #put } else { #absent }),
    }
}

fn put_tagged(schema: &Schema) -> TokenStream {
    let tagged = tagged(schema);
    if tagged.is_empty() {
        return quote! {
            if version.flexible() {
                sink.put_uvarint(0);
            }
        };
    }
    let flags: Vec<_> = tagged.iter().map(|(_, m)| format_ident!("has_{}", m.name)).collect();
    let conditions = tagged.iter().map(|(_, member)| {
        let has_default = has_default(member);
        match within(member.versions) {
            Some(within) => quote!(version.flexible() && #within && !(#has_default)),
            None => quote!(version.flexible() && !(#has_default)),
        }
    });
    let puts = tagged.iter().zip(&flags).map(|((tag, member), flag)| {
        let name = &member.name;
        quote!(if #flag { ::wire::value::put_tagged(#tag, &self.#name, sink, version)?; })
    });
    let absents = tagged.iter().zip(&flags).filter_map(|((_, member), flag)| {
        let absent = absent(schema, member)?;
        Some(quote!(if !#flag { #absent }))
    });
    quote! {
        #(let #flags = #conditions;)*
        #(#absents)*
        if version.flexible() {
            sink.put_uvarint(0 #(+ u32::from(#flags))*);
            #(#puts)*
        }
    }
}

fn get(schema: &Schema, member: &Member) -> TokenStream {
    let name = local(member);
    let ty = &member.ty;
    let label = label(schema, member);
    let get = quote!(<#ty as ::wire::Value>::decode_value(reader, version)?);
    let get = match member.nullable.filter(|range| *range != member.versions).and_then(within) {
        Some(nullable) => quote! {
            if #nullable {
                #get
            } else {
                ::core::option::Option::Some(::wire::Value::decode_value(reader, version)?)
            }
        },
        None => get,
    };
    let get = quote!({ reader.enter(#label); #get });
    match within(member.versions) {
        None => quote!(let #name = #get;),
        Some(within) => {
            let default = default_of(member);
            quote!(let #name: #ty = if #within #get else { #default };)
        }
    }
}

fn get_tagged(schema: &Schema) -> TokenStream {
    let tagged = tagged(schema);
    if tagged.is_empty() {
        return quote! {
            if version.flexible() {
                reader.skip_tagged()?;
            }
        };
    }
    let starts = tagged.iter().map(|(_, member)| {
        let name = local(member);
        let ty = &member.ty;
        let default = default_of(member);
        quote!(let mut #name: #ty = #default;)
    });
    let arms = tagged.iter().map(|(tag, member)| {
        let name = local(member);
        let guard = within(member.versions).map(|within| quote!(if #within));
        let label = label(schema, member);
        quote! {
            #tag #guard => {
                reader.enter(#label);
                #name = ::wire::Value::decode_value(reader, version)?;
                ::core::result::Result::Ok(true)
            }
        }
    });
    quote! {
        #(#starts)*
        if version.flexible() {
            reader.tagged(|tag, reader| match tag {
                #(#arms)*
                _ => ::core::result::Result::Ok(false),
            })?;
        }
    }
}

fn generate_impl(schema: &Schema) -> TokenStream {
    let name = &schema.name;
    let fields = schema.members.iter().map(|member| {
        let field = &member.name;
        let default = default_of(member);
        let generate = quote!(::wire::generate::Generate::generate(dice, version));
        let generate = match member.nullable.filter(|r| *r != member.versions).and_then(within) {
            Some(nullable) => quote! {
                if #nullable {
                    #generate
                } else {
                    ::core::option::Option::Some(::wire::generate::Generate::generate(dice, version))
                }
            },
            None => generate,
        };
        match (within(member.versions), member.tag) {
            (within, Some(_)) => {
                let within = within.unwrap_or_else(|| quote!(true));
                quote!(#field: if version.flexible() && #within { #generate } else { #default })
            }
            (Some(within), None) => quote!(#field: if #within { #generate } else { #default }),
            (None, None) => quote!(#field: #generate),
        }
    });
    quote! {
        #[cfg(any(test, feature = "test-support"))]
        impl ::wire::generate::Generate for #name {
            fn generate(
                dice: &mut ::wire::generate::Dice,
                version: ::wire::Version,
            ) -> Self {
                Self { #(#fields),* }
            }
        }
    }
}

fn top_level(schema: &Schema, top: &TopLevel) -> TokenStream {
    let name = &schema.name;
    let text = name.to_string();
    let Range { min, max } = top.versions;
    let flexible = match top.flexible {
        Some(first) => quote!(::core::option::Option::Some(#first)),
        None => quote!(::core::option::Option::None),
    };
    let role = top.api.as_ref().map(|api| match text.strip_suffix("Request") {
        Some(stem) => {
            let response = format_ident!("{stem}Response");
            quote! {
                impl ::wire::Request for #name {
                    const KEY: ::wire::ApiKey = ::wire::ApiKey::#api;
                    type Response = #response;
                }
            }
        }
        None => quote! {
            impl ::wire::Response for #name {
                const KEY: ::wire::ApiKey = ::wire::ApiKey::#api;
            }
        },
    });
    quote! {
        impl ::wire::Message for #name {
            const NAME: &'static str = #text;
            const VERSIONS: ::core::ops::RangeInclusive<i16> = #min..=#max;
            const FLEXIBLE_SINCE: ::core::option::Option<i16> = #flexible;
        }
        #role
    }
}

//! Reads the derive's attributes into a [`Schema`].
//!
//! Owns the syntax of the attributes and the checks that need no types. Invariant of what it
//! returns: fields are in the order of declaration (which is the order on the wire), a `nullable`
//! range only stands on an `Option`, and the tags of a struct are distinct.

use proc_macro2::Span;
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, Ident, LitInt, LitStr, Result, Type};

/// A range of versions, both ends inclusive; an open range ends at `i16::MAX`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Range {
    pub(crate) const ALL: Range = Range { min: 0, max: i16::MAX };

    fn read(text: &LitStr) -> Result<Self> {
        let value = text.value();
        let number = |part: &str| {
            part.parse::<i16>()
                .map_err(|_| Error::new(text.span(), format!("`{value}` is not a version range")))
        };
        if let Some(min) = value.strip_suffix('+') {
            return Ok(Range { min: number(min)?, max: i16::MAX });
        }
        match value.split_once('-') {
            Some((min, max)) => Ok(Range { min: number(min)?, max: number(max)? }),
            None => Ok(Range { min: number(&value)?, max: number(&value)? }),
        }
    }
}

/// What stands in `#[message(...)]`.
pub(crate) struct TopLevel {
    pub(crate) api: Option<Ident>,
    pub(crate) versions: Range,
    /// First flexible version, if any is.
    pub(crate) flexible: Option<i16>,
}

/// One field with its attributes.
pub(crate) struct Member {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) versions: Range,
    pub(crate) nullable: Option<Range>,
    pub(crate) default: Option<Expr>,
    pub(crate) ignorable: bool,
    pub(crate) tag: Option<u32>,
    pub(crate) optional: bool,
}

/// A struct with its attributes.
pub(crate) struct Schema {
    pub(crate) name: Ident,
    pub(crate) top: Option<TopLevel>,
    pub(crate) members: Vec<Member>,
}

impl Schema {
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        if !input.generics.params.is_empty() {
            return Err(Error::new_spanned(&input.generics, "a message has no parameters"));
        }
        let Data::Struct(data) = &input.data else {
            return Err(Error::new_spanned(&input.ident, "only a struct can be a message"));
        };
        let fields = match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect(),
            Fields::Unit => Vec::new(),
            _ => return Err(Error::new_spanned(&input.ident, "a message has named fields")),
        };
        let mut top = None;
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("message")) {
            top = Some(read_top(attribute)?);
        }
        let members = fields.into_iter().map(read_member).collect::<Result<Vec<_>>>()?;
        for (at, member) in members.iter().enumerate() {
            let twin = members.iter().take(at).any(|m| m.tag.is_some() && m.tag == member.tag);
            if twin {
                return Err(Error::new_spanned(&member.name, "this tag is taken"));
            }
        }
        Ok(Schema { name: input.ident.clone(), top, members })
    }
}

fn read_top(attribute: &syn::Attribute) -> Result<TopLevel> {
    let mut api = None;
    let mut versions = None;
    let mut flexible = None;
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("api") {
            api = Some(meta.value()?.parse::<Ident>()?);
        } else if meta.path.is_ident("versions") {
            versions = Some(Range::read(&meta.value()?.parse()?)?);
        } else if meta.path.is_ident("flexible") {
            let text: LitStr = meta.value()?.parse()?;
            if text.value() != "none" {
                flexible = Some(Range::read(&text)?.min);
            }
        } else {
            return Err(meta.error("known here: api, versions, flexible"));
        }
        Ok(())
    })?;
    let versions =
        versions.ok_or_else(|| Error::new(Span::call_site(), "`versions = \"...\"` is missing"))?;
    Ok(TopLevel { api, versions, flexible })
}

fn read_member(field: &Field) -> Result<Member> {
    let name = field
        .ident
        .clone()
        .ok_or_else(|| Error::new_spanned(&field.ty, "a message has named fields"))?;
    let mut member = Member {
        name,
        ty: field.ty.clone(),
        versions: Range::ALL,
        nullable: None,
        default: None,
        ignorable: false,
        tag: None,
        optional: is_option(&field.ty),
    };
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("field")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("versions") {
                member.versions = Range::read(&meta.value()?.parse()?)?;
            } else if meta.path.is_ident("nullable") {
                member.nullable = Some(Range::read(&meta.value()?.parse()?)?);
            } else if meta.path.is_ident("default") {
                member.default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("ignorable") {
                member.ignorable = true;
            } else if meta.path.is_ident("tag") {
                member.tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
            } else {
                return Err(meta.error("known here: versions, nullable, default, ignorable, tag"));
            }
            Ok(())
        })?;
    }
    if member.nullable.is_some() && !member.optional {
        return Err(Error::new_spanned(&field.ty, "a nullable field is an `Option`"));
    }
    Ok(member)
}

fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Option"),
        _ => false,
    }
}

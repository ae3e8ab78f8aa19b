//! A description as JSON, on one line.

use std::fmt::Write;

use super::{
    FieldDescription, InstructionDescription, ProgramDescription, TaggedDescription,
    TypeDescription,
};
use crate::{
    access::{AccountAccess, AddressSource, SeedSource},
    error::ErrorDescription,
    interface::{Address, address::program_ids},
};

impl ProgramDescription {
    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        write!(
            out,
            "{{\"address\":\"{}\",\"metadata\":{{\"name\":{},\"version\":{},\"spec\":\"0.1.0\"}}",
            self.address,
            Text(self.name),
            Text(self.version)
        )?;
        list(
            out,
            ",\"instructions\":",
            self.instructions,
            write_instruction,
        )?;
        list(out, ",\"accounts\":", self.states, write_tagged)?;
        list(out, ",\"events\":", self.events, write_tagged)?;
        let errors: Vec<_> = self.errors.iter().copied().flatten().collect();
        list(out, ",\"errors\":", &errors, |out, error| {
            let ErrorDescription {
                code,
                name,
                message,
            } = error;
            let (name, message) = (Text(name), Text(message));
            write!(out, "{{\"code\":{code},\"name\":{name},\"msg\":{message}}}")
        })?;
        list(out, ",\"types\":", &self.definitions(), write_definition)?;
        out.push('}');
        Ok(())
    }

    /// The program's own types, each once, in the order in which they are met.
    fn definitions(&self) -> Vec<Definition> {
        let mut found = Vec::new();
        for state in self.states {
            let has_bump = state.discriminator.is_some();
            collect(&state.layout, has_bump, &mut found);
        }
        for event in self.events {
            collect(&event.layout, false, &mut found);
        }
        let args = self.instructions.iter().flat_map(|call| call.args);
        for arg in args {
            collect(&arg.layout, false, &mut found);
        }
        let returns = self.instructions.iter().filter_map(|call| call.returns);
        for layout in returns {
            collect(&layout, false, &mut found);
        }
        found
    }
}

/// A type of the program to be written out.
#[derive(Clone, Copy)]
struct Definition {
    layout: TypeDescription,
    has_bump: bool,
}

fn collect(layout: &TypeDescription, has_bump: bool, found: &mut Vec<Definition>) {
    match *layout {
        TypeDescription::Named(_) => {}
        TypeDescription::Custom { .. } => {
            if is_new(layout, found) {
                found.push(Definition {
                    layout: *layout,
                    has_bump: false,
                });
            }
        }
        TypeDescription::Option(inner)
        | TypeDescription::List(inner)
        | TypeDescription::Array(inner, _) => collect(inner, false, found),
        TypeDescription::Tuple(items) => {
            if is_new(layout, found) {
                found.push(Definition {
                    layout: *layout,
                    has_bump: false,
                });
                for item in items {
                    collect(item, false, found);
                }
            }
        }
        TypeDescription::Struct(_, fields) => {
            if is_new(layout, found) {
                found.push(Definition {
                    layout: *layout,
                    has_bump,
                });
                for field in fields {
                    collect(&field.layout, false, found);
                }
            }
        }
        TypeDescription::Enum(_, variants) => {
            if is_new(layout, found) {
                found.push(Definition {
                    layout: *layout,
                    has_bump: false,
                });
                for field in variants.iter().flat_map(|variant| variant.fields) {
                    collect(&field.layout, false, found);
                }
            }
        }
    }
}

fn is_new(layout: &TypeDescription, found: &[Definition]) -> bool {
    found.iter().all(|known| known.layout != *layout)
}

/// A quoted and escaped text of JSON.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Text<'t>(pub &'t str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => formatter.write_str("\\\"")?,
                '\\' => formatter.write_str("\\\\")?,
                control if u32::from(control) < 0x20 => {
                    write!(formatter, "\\u{:04x}", u32::from(control))?;
                }
                other => formatter.write_char(other)?,
            }
        }
        formatter.write_char('"')
    }
}

fn list<T>(
    out: &mut String,
    open: &str,
    items: &[T],
    mut write_item: impl FnMut(&mut String, &T) -> std::fmt::Result,
) -> std::fmt::Result {
    out.push_str(open);
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_item(out, item)?;
    }
    out.push(']');
    Ok(())
}

fn write_bytes(out: &mut String, name: &str, bytes: &[u8]) -> std::fmt::Result {
    list(out, name, bytes, |out, byte| write!(out, "{byte}"))
}

fn write_instruction(out: &mut String, call: &InstructionDescription) -> std::fmt::Result {
    write!(out, "{{\"name\":{}", Text(call.name))?;
    write_docs(out, call.docs)?;
    write_bytes(out, ",\"discriminator\":", call.discriminator)?;
    // Clients name the rest of a list beside the accounts, as remaining ones.
    let is_rest = call.access.last().is_some_and(|last| last.count_max > 1);
    let (named, rest) = call
        .access
        .split_at(call.access.len().saturating_sub(usize::from(is_rest)));
    out.push_str(",\"accounts\":[");
    write_accounts(out, named, 0)?;
    out.push(']');
    if is_rest {
        out.push_str(",\"remainingAccounts\":[");
        for entry in rest {
            write_access(out, &[], entry, 0)?;
        }
        out.push(']');
    }
    list(out, ",\"args\":", call.args, write_field)?;
    if let Some(returns) = &call.returns {
        out.push_str(",\"returns\":");
        write_type(out, returns)?;
    }
    out.push('}');
    Ok(())
}

/// The accounts from `depth` names on: those of a set in the set are a group of their own, in which
/// paths begin anew.
fn write_accounts(out: &mut String, access: &[AccountAccess], depth: usize) -> std::fmt::Result {
    let name_at = |entry: &AccountAccess| entry.path.names().nth(depth);
    let is_nested =
        |entry: &AccountAccess| entry.path.names().nth(depth.saturating_add(1)).is_some();
    let mut rest = access;
    let mut comma = "";
    while let Some(first) = rest.first() {
        let same = |entry: &&AccountAccess| is_nested(entry) && name_at(entry) == name_at(first);
        let count = rest.iter().take_while(same).count();
        out.push_str(comma);
        comma = ",";
        if count == 0 {
            write_access(out, access, first, depth)?;
            rest = &rest[1..];
            continue;
        }
        let (group, behind) = rest.split_at(count);
        let name = Text(name_at(first).unwrap_or_default());
        write!(out, "{{\"name\":{name},\"accounts\":[")?;
        write_accounts(out, group, depth.saturating_add(1))?;
        out.push_str("]}");
        rest = behind;
    }
    Ok(())
}

/// One account of those in `set`, named from `depth` on.
fn write_access(
    out: &mut String,
    set: &[AccountAccess],
    access: &AccountAccess,
    depth: usize,
) -> std::fmt::Result {
    let name: Vec<&str> = access.path.names().skip(depth).collect();
    let name = name.join(".");
    write!(out, "{{\"name\":{}", Text(&name))?;
    write_docs(out, access.docs)?;
    let flags = [
        ("writable", access.is_writable),
        ("signer", access.is_signer),
        ("optional", access.is_optional),
        ("credit", access.is_credit),
        ("tally", !access.counters.is_empty()),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        write!(out, ",\"{flag}\":true")?;
    }
    if access.count_max > 1 {
        write!(out, ",\"max\":{}", access.count_max)?;
    }
    write_source(out, access)?;
    // The states in which a field of this name is to hold the address.
    let named = set.iter().filter(|other| other.related.contains(&&*name));
    let mut relations: Vec<String> = named
        .map(|other| other.path.names().skip(depth).collect::<Vec<_>>().join("."))
        .collect();
    if let AddressSource::Named(path) = access.source
        && let Some((state, field)) = path.rsplit_once('.')
        && field == name
    {
        relations.push(state.to_owned());
    }
    if !relations.is_empty() {
        list(out, ",\"relations\":", &relations, |out, relation| {
            write!(out, "{}", Text(relation))
        })?;
    }
    out.push('}');
    Ok(())
}

fn write_source(out: &mut String, access: &AccountAccess) -> std::fmt::Result {
    match access.source {
        AddressSource::Given | AddressSource::Named(_) => Ok(()),
        AddressSource::Fixed(address) => write!(out, ",\"address\":\"{address}\""),
        AddressSource::Derived(seeds) => {
            // Readers of the format look for seeds in the account's own group.
            let is_known = seeds.iter().all(is_in_group);
            let key = if is_known { "pda" } else { "derived" };
            write!(out, ",\"{key}\":{{")?;
            list(out, "\"seeds\":", seeds, |out, seed| write_seed(out, *seed))?;
            if let Some(program) = access.derived_by {
                write_program(out, &program)?;
            }
            out.push('}');
            Ok(())
        }
        AddressSource::Associated(authority, mint) => {
            const TOKEN: &[u8] = program_ids::TOKEN.as_array();
            let seeds = [*authority, SeedSource::Constant(TOKEN), *mint];
            let is_known = seeds.iter().all(is_in_group);
            let key = if is_known { "pda" } else { "derived" };
            write!(out, ",\"{key}\":{{")?;
            list(out, "\"seeds\":", &seeds, |out, seed| {
                write_seed(out, *seed)
            })?;
            write_program(out, &program_ids::ASSOCIATED_TOKEN)?;
            out.push('}');
            Ok(())
        }
    }
}

/// Whether a seed is in the group of the account that is derived from it, not in a group of that.
fn is_in_group(seed: &SeedSource) -> bool {
    let dots = |path: &str| path.matches('.').count();
    match seed {
        SeedSource::Constant(_) | SeedSource::Argument(_) => true,
        SeedSource::Account(path) => dots(path) == 0,
        SeedSource::Value(path, _) => dots(path) == 1,
    }
}

/// The program that derives an address, where it is another one.
fn write_program(out: &mut String, program: &Address) -> std::fmt::Result {
    write_bytes(
        out,
        ",\"program\":{\"kind\":\"const\",\"value\":",
        program.as_array(),
    )?;
    out.push('}');
    Ok(())
}

fn write_seed(out: &mut String, seed: SeedSource) -> std::fmt::Result {
    match seed {
        SeedSource::Constant(bytes) => {
            write_bytes(out, "{\"kind\":\"const\",\"value\":", bytes)?;
            out.push('}');
            Ok(())
        }
        SeedSource::Account(path) => {
            write!(out, "{{\"kind\":\"account\",\"path\":{}}}", Text(path))
        }
        SeedSource::Value(path, state) => {
            let (path, state) = (Text(path), Text(state));
            write!(
                out,
                "{{\"kind\":\"account\",\"path\":{path},\"account\":{state}}}"
            )
        }
        SeedSource::Argument(name) => {
            write!(out, "{{\"kind\":\"arg\",\"path\":{}}}", Text(name))
        }
    }
}

fn write_docs(out: &mut String, docs: &[&str]) -> std::fmt::Result {
    if docs.is_empty() {
        return Ok(());
    }
    list(out, ",\"docs\":", docs, |out, line| {
        write!(out, "{}", Text(line))
    })
}

fn write_tagged(out: &mut String, tagged: &TaggedDescription) -> std::fmt::Result {
    write!(out, "{{\"name\":{}", Text(tagged.name))?;
    let tag = tagged.discriminator;
    write_bytes(out, ",\"discriminator\":", tag.as_slice())?;
    out.push('}');
    Ok(())
}

fn write_field(out: &mut String, field: &FieldDescription) -> std::fmt::Result {
    write!(out, "{{\"name\":{},\"type\":", Text(field.name))?;
    write_type(out, &field.layout)?;
    out.push('}');
    Ok(())
}

/// The fields of a structure or a variant; those of a tuple have no names.
fn write_fields(out: &mut String, fields: &[FieldDescription]) -> std::fmt::Result {
    let is_tuple = |field: &FieldDescription| field.name.starts_with(|c: char| c.is_ascii_digit());
    if fields.iter().any(is_tuple) {
        return list(out, ",\"fields\":", fields, |out, field| {
            write_type(out, &field.layout)
        });
    }
    list(out, ",\"fields\":", fields, write_field)
}

fn write_type(out: &mut String, layout: &TypeDescription) -> std::fmt::Result {
    match layout {
        TypeDescription::Named(name) => write!(out, "{}", Text(name)),
        TypeDescription::Option(inner) => {
            out.push_str("{\"option\":");
            write_type(out, inner)?;
            out.push('}');
            Ok(())
        }
        TypeDescription::List(TypeDescription::Named("u8")) => {
            out.push_str("\"bytes\"");
            Ok(())
        }
        TypeDescription::List(inner) => {
            out.push_str("{\"vec\":");
            write_type(out, inner)?;
            out.push('}');
            Ok(())
        }
        TypeDescription::Array(inner, count) => {
            out.push_str("{\"array\":[");
            write_type(out, inner)?;
            write!(out, ",{count}]}}")
        }
        TypeDescription::Tuple(_) => {
            let name = tuple_name(layout);
            write!(out, "{{\"defined\":{{\"name\":{}}}}}", Text(&name))
        }
        TypeDescription::Struct(name, _)
        | TypeDescription::Enum(name, _)
        | TypeDescription::Custom { name, .. } => {
            write!(out, "{{\"defined\":{{\"name\":{}}}}}", Text(name))
        }
    }
}

/// A name for a tuple: the format knows those by name only.
fn tuple_name(layout: &TypeDescription) -> String {
    match layout {
        TypeDescription::Named(name)
        | TypeDescription::Struct(name, _)
        | TypeDescription::Enum(name, _)
        | TypeDescription::Custom { name, .. } => (*name).to_owned(),
        TypeDescription::Option(inner) => format!("Option{}", tuple_name(inner)),
        TypeDescription::List(inner) => format!("List{}", tuple_name(inner)),
        TypeDescription::Array(inner, count) => format!("Array{count}{}", tuple_name(inner)),
        TypeDescription::Tuple(items) => {
            let names: Vec<String> = items.iter().map(tuple_name).collect();
            format!("Tuple_{}", names.join("_"))
        }
    }
}

fn write_definition(out: &mut String, definition: &Definition) -> std::fmt::Result {
    const BUMP: FieldDescription = FieldDescription {
        name: "bump",
        layout: TypeDescription::Named("u8"),
    };
    match definition.layout {
        TypeDescription::Struct(name, fields) => {
            let name = Text(name);
            write!(out, "{{\"name\":{name},\"type\":{{\"kind\":\"struct\"")?;
            let bump = definition.has_bump.then_some(BUMP);
            let fields: Vec<_> = bump.into_iter().chain(fields.iter().copied()).collect();
            write_fields(out, &fields)?;
        }
        TypeDescription::Tuple(items) => {
            let name = tuple_name(&definition.layout);
            let name = Text(&name);
            write!(out, "{{\"name\":{name},\"type\":{{\"kind\":\"struct\"")?;
            list(out, ",\"fields\":", items, write_type)?;
        }
        TypeDescription::Enum(name, variants) => {
            let name = Text(name);
            write!(out, "{{\"name\":{name},\"type\":{{\"kind\":\"enum\"")?;
            list(out, ",\"variants\":", variants, |out, variant| {
                write!(out, "{{\"name\":{}", Text(variant.name))?;
                if !variant.fields.is_empty() {
                    write_fields(out, variant.fields)?;
                }
                out.push('}');
                Ok(())
            })?;
        }
        TypeDescription::Custom {
            name,
            encoding,
            content,
        } => {
            let (name, encoding) = (Text(name), Text(encoding));
            write!(
                out,
                "{{\"name\":{name},\"serialization\":{{\"custom\":{encoding}}}"
            )?;
            out.push_str(",\"type\":{\"kind\":\"type\",\"alias\":");
            write_type(out, content)?;
        }
        _ => {}
    }
    out.push_str("}}");
    Ok(())
}

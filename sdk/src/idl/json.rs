//! A description as JSON, on one line.

use std::fmt::Write;

use super::{
    FieldDescription, InstructionDescription, ProgramDescription, TaggedDescription,
    TypeDescription,
};
use crate::{
    access::{AccountAccess, AddressSource, SeedSource},
    error::ErrorDescription,
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

/// A quoted and escaped text.
struct Text<'t>(&'t str);

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
    if !call.docs.is_empty() {
        list(out, ",\"docs\":", call.docs, |out, line| {
            write!(out, "{}", Text(line))
        })?;
    }
    write_bytes(out, ",\"discriminator\":", call.discriminator)?;
    list(out, ",\"accounts\":", call.access, write_access)?;
    list(out, ",\"args\":", call.args, write_field)?;
    out.push('}');
    Ok(())
}

fn write_access(out: &mut String, access: &AccountAccess) -> std::fmt::Result {
    let name = access.path.to_string();
    write!(out, "{{\"name\":{}", Text(&name))?;
    let flags = [
        ("writable", access.is_writable),
        ("signer", access.is_signer),
        ("optional", access.is_optional),
        ("credit", access.is_credit),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        write!(out, ",\"{flag}\":true")?;
    }
    if access.count_max > 1 {
        write!(out, ",\"max\":{}", access.count_max)?;
    }
    match access.source {
        AddressSource::Given => {}
        AddressSource::Fixed(address) => write!(out, ",\"address\":\"{address}\"")?,
        AddressSource::Derived(seeds) => {
            // Seeds name fields of the set that the account is in.
            let set = name.rsplit_once('.').map_or("", |(set, _)| set);
            out.push_str(",\"pda\":{");
            list(out, "\"seeds\":", seeds, |out, seed| {
                write_seed(out, set, *seed)
            })?;
            out.push('}');
        }
    }
    out.push('}');
    Ok(())
}

fn write_seed(out: &mut String, set: &str, seed: SeedSource) -> std::fmt::Result {
    match seed {
        SeedSource::Constant(bytes) => {
            write_bytes(out, "{\"kind\":\"const\",\"value\":", bytes)?;
            out.push('}');
            Ok(())
        }
        SeedSource::Account(name) => {
            let dot = if set.is_empty() { "" } else { "." };
            let path = format!("{set}{dot}{name}");
            write!(out, "{{\"kind\":\"account\",\"path\":{}}}", Text(&path))
        }
        SeedSource::Argument(name) => {
            write!(out, "{{\"kind\":\"arg\",\"path\":{}}}", Text(name))
        }
    }
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
        TypeDescription::Struct(name, _)
        | TypeDescription::Enum(name, _)
        | TypeDescription::Custom { name, .. } => {
            write!(out, "{{\"defined\":{{\"name\":{}}}}}", Text(name))
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
            list(out, ",\"fields\":", &fields, write_field)?;
        }
        TypeDescription::Enum(name, variants) => {
            let name = Text(name);
            write!(out, "{{\"name\":{name},\"type\":{{\"kind\":\"enum\"")?;
            list(out, ",\"variants\":", variants, |out, variant| {
                write!(out, "{{\"name\":{}", Text(variant.name))?;
                if !variant.fields.is_empty() {
                    list(out, ",\"fields\":", variant.fields, write_field)?;
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

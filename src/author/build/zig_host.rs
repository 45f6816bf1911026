//! The bindings' C header as Zig.
//!
//! Zig can translate C by itself, but compiles its translator first, which takes a minute, and drops the comments. The header
//! comes from one generator and has few forms, a line each; one that is not known is an error and never left out.

use std::fmt::Write as _;

/// Words that a parameter or a field may be called in WIT, and not in Zig.
const RESERVED: &str = "align and anyframe anytype asm break callconv catch comptime const continue defer else enum error \
    export extern false fn for if inline null opaque or orelse packed pub resume return struct suspend switch test true try \
    type undefined union unreachable var volatile while";
/// What stands around the declarations and says nothing in Zig.
const PLUMBING: [&str; 9] = [
    "#ifndef __BINDINGS_PROBITY_H",
    "#define __BINDINGS_PROBITY_H",
    "#ifdef __cplusplus",
    "#endif",
    "#include <stdint.h>",
    "#include <stdbool.h>",
    "#include <stddef.h>",
    "extern \"C\" {",
    "}",
];

/// A module with all that the header declares.
///
/// # Errors
/// The line that has no known form.
pub(super) fn translated(header: &str) -> Result<String, String> {
    let mut zig = String::from("//! What a probe may ask and answer, made of probity.h.\n");
    let mut comments = String::new();
    // The lines of the struct that is open: its name comes at its end.
    let mut fields: Option<String> = None;
    for line in header.lines().map(str::trim) {
        let unknown = || line.to_owned();
        if let Some(comment) = line.strip_prefix("//") {
            let _ = writeln!(comments, "///{}", comment.trim_end());
        } else if line.starts_with("typedef struct ") && line.ends_with('{') {
            fields = Some(String::new());
        } else if let Some(inner) = &mut fields {
            let end = line
                .strip_prefix("} ")
                .and_then(|end| end.strip_suffix(';'));
            if let Some(name) = end.filter(|name| *name != "val") {
                let _ = writeln!(
                    zig,
                    "{comments}pub const {name} = extern struct {{\n{inner}}};"
                );
                comments.clear();
                fields = None;
            } else {
                let _ = writeln!(inner, "{}", field(line).ok_or_else(unknown)?);
            }
        } else if line.is_empty() || PLUMBING.contains(&line) {
            // What belongs to nothing that follows may stand alone.
            zig.push_str(&comments.replace("///", "//"));
            comments.clear();
            if !zig.ends_with("\n\n") {
                zig.push('\n');
            }
        } else {
            let declared = declared(line).ok_or_else(unknown)?;
            let _ = writeln!(zig, "{comments}{declared}");
            comments.clear();
        }
    }
    Ok(zig)
}

/// One line of a struct.
fn field(line: &str) -> Option<String> {
    match line {
        "union {" => Some("    val: extern union {".into()),
        "} val;" => Some("    },".into()),
        _ => {
            let (name, of) = named(line.strip_suffix(';')?)?;
            Some(format!("    {name}: {of},"))
        }
    }
}

/// A constant, another name or a function.
fn declared(line: &str) -> Option<String> {
    if let Some(constant) = line.strip_prefix("#define ") {
        let (name, value) = constant.split_once(' ')?;
        return Some(format!("pub const {name} = {value};"));
    }
    let statement = line.strip_suffix(';')?;
    if let Some(alias) = statement.strip_prefix("typedef ") {
        let (name, of) = named(alias)?;
        return Some(format!("pub const {name} = {of};"));
    }
    let function = statement.strip_suffix(')')?;
    function_declared(function.strip_prefix("extern ").unwrap_or(function))
}

/// `RET name(A a, B b` as Zig.
fn function_declared(function: &str) -> Option<String> {
    let (head, parameters) = function.split_once('(')?;
    let (name, returned) = named(head)?;
    let mut shown = Vec::new();
    for parameter in parameters.split(", ").filter(|one| *one != "void") {
        let (name, of) = named(parameter)?;
        shown.push(format!("{name}: {of}"));
    }
    Some(format!(
        "pub extern fn {name}({}) {returned};",
        shown.join(", ")
    ))
}

/// `TYPE name` or `TYPE *name`: the name and the type in Zig.
fn named(declaration: &str) -> Option<(String, String)> {
    let at = declaration.rfind([' ', '*'])?;
    let (of, name) = (declaration[..=at].trim(), &declaration[at + 1..]);
    let (of, is_pointer) = match of.strip_suffix('*') {
        Some(of) => (of.trim(), true),
        None => (of, false),
    };
    let (of, is_constant) = match of.strip_prefix("const ") {
        Some(of) => (of, true),
        None => (of, false),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || of.is_empty() || !name.chars().all(plain) || !of.chars().all(plain) {
        return None;
    }
    let name = if RESERVED.split(' ').any(|word| word == name) {
        format!("@\"{name}\"")
    } else {
        name.to_owned()
    };
    let pointer = if is_pointer { "[*c]" } else { "" };
    let constant = if is_constant { "const " } else { "" };
    Some((name, format!("{pointer}{constant}{}", type_of(of))))
}

fn type_of(of: &str) -> &str {
    match of {
        "uint8_t" | "char" => "u8",
        "int8_t" => "i8",
        "uint16_t" => "u16",
        "int16_t" => "i16",
        "uint32_t" => "u32",
        "int32_t" => "i32",
        "uint64_t" => "u64",
        "int64_t" => "i64",
        "size_t" => "usize",
        "float" => "f32",
        "double" => "f64",
        other => other,
    }
}

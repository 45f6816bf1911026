//! Components that are small to send and hard to compile.

/// An empty component's bytes.
pub const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// Sections with the compiler's square of work: each of `loops` nested loops carries every one of `locals` locals around.
/// 20,000 and 1,000 are 135 KB and take Cranelift minutes and gigabytes.
pub fn component(locals: u32, loops: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..loops {
        body.extend([0x03, 0x40]);
    }
    for local in 0..locals {
        body.push(0x20);
        leb128((local + 1) % locals, &mut body);
        body.push(0x21);
        leb128(local, &mut body);
    }
    for depth in 0..loops {
        body.extend([0x20, 0, 0x0d]);
        leb128(depth, &mut body);
    }
    body.extend(vec![0x0b; loops as usize + 1]);
    let mut function = vec![1];
    leb128(locals, &mut function);
    function.push(0x7f);
    function.extend(body);
    let mut code = vec![1];
    leb128(function.len() as u32, &mut code);
    code.extend(function);

    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &[1, 0x60, 0, 0], &mut module);
    section(3, &[1, 0], &mut module);
    section(10, &code, &mut module);
    let mut component = EMPTY.to_vec();
    section(1, &module, &mut component);
    component
}

/// What takes longer to compile than any test waits.
pub fn endless() -> Vec<u8> {
    component(20_000, 1_000)
}

/// The component with a custom section behind it that makes it at least `bytes` long.
pub fn padded(mut component: Vec<u8>, bytes: usize) -> Vec<u8> {
    let mut content = b"\x03pad".to_vec();
    content.resize(bytes, 0);
    section(0, &content, &mut component);
    component
}

/// A component of so many core modules, each with a global that it reads.
pub fn modules(count: usize) -> Vec<u8> {
    let text = "(module (global (mut i32) (i32.const 0)) (func (export \"f\") (result i32) (global.get 0)))";
    let module = wat::parse_str(text).unwrap();
    let mut component = EMPTY.to_vec();
    for _ in 0..count {
        section(1, &module, &mut component);
    }
    component
}

fn section(id: u8, content: &[u8], into: &mut Vec<u8>) {
    into.push(id);
    leb128(content.len() as u32, into);
    into.extend(content);
}

fn leb128(mut value: u32, into: &mut Vec<u8>) {
    while value > 0x7f {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

//! Components with more in them than one module: core modules and instances of them, put behind a whole component.

/// The sections' ids in a component's binary format.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCES: u8 = 2;
/// The magic number and the version.
const HEADER: usize = 8;

/// `component` with `count` further core instances of `module`, given as text.
pub fn with_instances(component: &[u8], module: &str, count: usize) -> Vec<u8> {
    let index = sections(component)
        .iter()
        .filter(|id| **id == CORE_MODULE)
        .count();
    let mut whole = component.to_vec();
    section(&mut whole, CORE_MODULE, &wat::parse_str(module).unwrap());
    let mut instances = leb128(count);
    for _ in 0..count {
        // An instantiation without arguments.
        instances.push(0);
        instances.extend(leb128(index));
        instances.push(0);
    }
    section(&mut whole, CORE_INSTANCES, &instances);
    whole
}

fn section(into: &mut Vec<u8>, id: u8, body: &[u8]) {
    into.push(id);
    into.extend(leb128(body.len()));
    into.extend(body);
}

/// The ids of a component's own sections, in order.
fn sections(component: &[u8]) -> Vec<u8> {
    let mut ids = Vec::new();
    let mut at = HEADER;
    while at < component.len() {
        ids.push(component[at]);
        at += 1;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = component[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += length;
    }
    ids
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

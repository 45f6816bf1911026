//! The imports of a whole world, as toolchains that prune nothing make them.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{ManglingAndAbi, Resolve, TypeDefKind, WasmImport, WorldItem, WorldKey};

/// Every function of `world` and every end of its resources, as fields of a core module.
pub fn imports(resolve: &Resolve, world: wit_parser::WorldId) -> String {
    let interfaces = resolve.worlds[world].imports.iter();
    let interfaces = interfaces.filter_map(|(key, item)| match item {
        WorldItem::Interface { id, .. } => Some((key, *id)),
        _ => None,
    });
    interfaces
        .flat_map(|(key, id)| {
            functions(resolve, key, id)
                .into_iter()
                .chain(drops(resolve, key, id))
        })
        .collect()
}

fn functions(resolve: &Resolve, key: &WorldKey, id: wit_parser::InterfaceId) -> Vec<String> {
    let one = |function: &wit_parser::Function| {
        let import = WasmImport::Func {
            interface: Some(key),
            func: function,
        };
        let (module, name) = resolve.wasm_import_name(
            ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync),
            import,
        );
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
        let (parameters, results) = (types(&signature.params), types(&signature.results));
        field(&module, &name, &parameters, &results)
    };
    resolve.interfaces[id].functions.values().map(one).collect()
}

fn drops(resolve: &Resolve, key: &WorldKey, id: wit_parser::InterfaceId) -> Vec<String> {
    let module = resolve.name_world_key(key);
    let types = resolve.interfaces[id].types.iter();
    let resources =
        types.filter(|(_, ty)| matches!(resolve.types[**ty].kind, TypeDefKind::Resource));
    resources
        .map(|(name, _)| field(&module, &format!("[resource-drop]{name}"), "i32", ""))
        .collect()
}

fn field(module: &str, name: &str, parameters: &str, results: &str) -> String {
    format!("(import \"{module}\" \"{name}\" (func (param {parameters}) (result {results})))\n")
}

fn types(list: &[WasmType]) -> String {
    let word = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64 ",
        WasmType::F32 => "f32 ",
        WasmType::F64 => "f64 ",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32 ",
    };
    list.iter().map(word).collect()
}

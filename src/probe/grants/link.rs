//! Puts functions of this host in the place of wasmtime's, where those have no hook for a check.

use std::future::Future;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, Lower, Resource, ResourceType};

use crate::probe::host::Guest;

/// Replaces one function of an interface.
///
/// # Errors
/// When wasmtime does not define it under this name: a new version of it does so under another, and a check put beside
/// the old name would never be asked.
pub(super) fn replace<Params, Return, Body>(
    linker: &mut Linker<Guest>,
    interface: &str,
    function: &str,
    body: Body,
) -> wasmtime::Result<()>
where
    Params: ComponentNamedList + Lift + 'static,
    Return: ComponentNamedList + Lower + 'static,
    Body:
        Fn(StoreContextMut<'_, Guest>, Params) -> Answer<'_, Return> + Copy + Send + Sync + 'static,
{
    linker.allow_shadowing(false);
    if linker
        .instance(interface)?
        .func_wrap_async(function, body)
        .is_ok()
    {
        return Err(missing(interface, function));
    }
    linker.allow_shadowing(true);
    linker
        .instance(interface)?
        .func_wrap_async(function, body)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Replaces one resource type of an interface by `T`, which lives in the guest's table.
///
/// # Errors
/// As [`replace`].
pub(super) fn replace_resource<T: Send + 'static>(
    linker: &mut Linker<Guest>,
    interface: &str,
    resource: &str,
) -> wasmtime::Result<()> {
    let ty = ResourceType::host::<T>();
    let drop = |mut store: StoreContextMut<'_, Guest>, id: u32| {
        store.data_mut().table.delete(Resource::<T>::new_own(id))?;
        Ok(())
    };
    linker.allow_shadowing(false);
    if linker
        .instance(interface)?
        .resource(resource, ty, drop)
        .is_ok()
    {
        return Err(missing(interface, resource));
    }
    linker.allow_shadowing(true);
    linker.instance(interface)?.resource(resource, ty, drop)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a replaced function gives: a future that may hold on to the store.
pub(super) type Answer<'a, Return> = Box<dyn Future<Output = wasmtime::Result<Return>> + Send + 'a>;

fn missing(interface: &str, item: &str) -> wasmtime::Error {
    wasmtime::format_err!("`{interface}` has no `{item}` whose check could be replaced")
}

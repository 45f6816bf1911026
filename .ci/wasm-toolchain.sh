#!/usr/bin/env bash
# Finds or makes a compiler for wasm32-unknown-unknown, and prints the path of a file to source for it.
#
#   . "$(.ci/wasm-toolchain.sh)"; cd probes; cargo build --release --target wasm32-unknown-unknown
#
# 1. rustup's own, where somebody has run `rustup target add wasm32-unknown-unknown`. FORCE_DEBIAN=1 passes it over.
# 2. Debian's, for machines that reach no server of rustup's: rustc and its wasm32 library of $SUITE are unpacked into a
#    private prefix with the C library that they need. Nothing is installed, and ~/.rustup is left alone.
set -euo pipefail

suite=${SUITE:-trixie}
target=wasm32-unknown-unknown
prefix=${XDG_CACHE_HOME:-$HOME/.cache}/probity/wasm-toolchain-$suite
say() { echo "wasm-toolchain: $*" >&2; }

# Whether the toolchain of the file $1 makes a component, or at least a module, of an empty library.
works() {
    local folder log
    folder=$(mktemp -d)
    log=$folder/log
    echo '#[unsafe(no_mangle)] pub extern "C" fn f() -> u32 { std::env::args().count() as u32 }' >"$folder/lib.rs"
    # shellcheck disable=SC1090
    if (. "$1" && "${RUSTC:-rustc}" --edition 2024 --crate-type cdylib --target $target -C linker=wasm-component-ld \
        -C link-arg=--skip-wit-component -o "$folder/lib.wasm" "$folder/lib.rs") >"$log" 2>&1; then
        rm -r "$folder"
        return 0
    fi
    cat "$log" >&2
    rm -r "$folder"
    return 1
}

if [ -z "${FORCE_DEBIAN:-}" ] && rustup target list --installed 2>/dev/null | grep -qx $target; then
    mkdir -p "$prefix"
    echo "# rustup's own compiler is used" >"$prefix/rustup.sh"
    if works "$prefix/rustup.sh"; then
        say "rustup has $target: $(rustc -V)"
        echo "$prefix/rustup.sh"
        exit
    fi
    say "rustup's $target does not work here; trying Debian's"
fi

environment=$prefix/env.sh
if [ -e "$environment" ] && works "$environment"; then
    echo "$environment"
    exit
fi

rm -rf "$prefix"
apt=$prefix/apt
mkdir -p "$apt/packages"
if ! APT_CONFIG=$("$(dirname "$0")/debian-suite.sh" "$suite" "$apt"); then
    say "rustup has no $target either: run rustup target add $target"
    exit 1
fi
export APT_CONFIG

# rustc, the host's library for procedural macros, the wasm32 one, and what the compiler's own library is linked with.
library=$(apt-cache depends libstd-rust-dev | sed -n 's/.*Depends: \(libstd-rust-[0-9.]*\)$/\1/p' | head -1)
closure=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$library" | grep -E '^[a-z0-9]' | sort -u)
say "taking $(apt-cache policy rustc | sed -n 's/ *Candidate: //p') from Debian $suite"
# shellcheck disable=SC2086
(cd "$apt/packages" && apt-get -q download rustc libstd-rust-dev libstd-rust-dev-wasm32 $closure >&2)
root=$prefix/root
mkdir -p "$root" "$prefix/bin"
for package in "$apt"/packages/*.deb; do
    dpkg -x "$package" "$root"
done
rm -rf "$apt" "$root/usr/share"

# The compiler runs under the C library it was built with; what it starts runs under the system's.
loader=$(find "$root" -name 'ld-linux-*.so.*' -not -type d | head -1)
libraries=$(find "$root" -name 'librustc_driver-*.so' -printf '%h\n' | head -1):$(dirname "$loader")
cat >"$prefix/bin/rustc" <<WRAPPER
#!/bin/sh
exec "$loader" --library-path "$libraries" --argv0 rustc "$root/usr/bin/rustc" "\$@"
WRAPPER
chmod +x "$prefix/bin/rustc"

# Linkers are part of every toolchain of rustup's; Debian ships none for wasm32.
host=$(rustc -vV | sed -n 's/^host: //p')
own=$(rustc --print sysroot)/lib/rustlib/$host/bin
tools=$root/usr/lib/rustlib/$host/bin
mkdir -p "$tools"
for tool in rust-lld wasm-component-ld gcc-ld; do
    ln -sfn "$own/$tool" "$tools/$tool"
done
echo "export RUSTC='$prefix/bin/rustc'" >"$environment"
works "$environment" || { say "Debian's compiler does not work here"; exit 1; }
say "unpacked $("$prefix/bin/rustc" -V) into $prefix"
echo "$environment"

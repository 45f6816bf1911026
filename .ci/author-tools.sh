# What an author has on a machine, language by language: to be sourced, from the repository's folder, with $program set.
#
#   prepare LANG    installs what is missing for c, zig, rust, js, go or python, and sets the environment so that it is found
#
# Debian's packages, and private copies below ${XDG_CACHE_HOME:-~/.cache}/probity.
# shellcheck shell=bash
cache=${XDG_CACHE_HOME:-$HOME/.cache}/probity
export PATH=$PATH:$cache/examples-python/bin:$cache/examples-js/node_modules/.bin

as_root=()
((EUID == 0)) || as_root=(sudo)
debian() {
    echo "author-tools: installing $*" >&2
    "${as_root[@]}" apt-get -q update >/dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >/dev/null # somebody else may be installing
}

# Whether the language can be built with what there is.
ready() { "$program" build "examples/$1" --print >/dev/null 2>&1; }

# A virtual environment of Python with the package $1.
from_python() {
    local place=$cache/examples-python
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3 python3-venv
    [ -x "$place/bin/pip" ] || python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$1"
}

# Makes it so that the language can be built.
prepare() {
    case $1 in
    c) ready c || debian clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 ;;
    zig) ready zig || from_python ziglang==0.17.1 ;;
    python) ready python || from_python componentize-py==0.25.1 ;;
    js)
        ready js && return
        command -v npm >/dev/null || debian nodejs npm
        npm install --silent --no-audit --no-fund --prefix "$cache/examples-js" componentize-qjs@0.4.5
        ;;
    go) PATH=$(.ci/go-toolchain.sh):$PATH ;;
    rust)
        # The one that the standard probes are built with.
        # shellcheck disable=SC1090
        . "$(.ci/wasm-toolchain.sh)"
        export CARGO_BUILD_TARGET=wasm32-unknown-unknown CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld
        ;;
    esac
}

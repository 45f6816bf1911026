#!/usr/bin/env bash
# Finds or makes a Go that builds probes, and prints the folder with its program.
#
#   PATH=$(.ci/go-toolchain.sh):$PATH
#
# 1. The one on PATH, if it is 1.24 or later.
# 2. Debian's of $SUITE, unpacked into a private prefix: it needs nothing of the system's.
set -euo pipefail

oldest=1.24
suite=${SUITE:-trixie}
prefix=${XDG_CACHE_HOME:-$HOME/.cache}/probity/go-$suite
say() { echo "go-toolchain: $*" >&2; }

# Whether the program $1 is a Go that is new enough.
works() {
    local version
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$oldest" "${version#go}" | sort -V | head -1)" = "$oldest" ]
}

for program in "$(command -v go || true)" "$prefix"/usr/lib/go-*/bin/go; do
    if works "$program"; then
        dirname "$program"
        exit
    fi
done
rm -rf "$prefix"
mkdir -p "$prefix/packages"
APT_CONFIG=$("$(dirname "$0")/debian-suite.sh" "$suite" "$prefix/apt")
export APT_CONFIG
version=$(apt-cache depends golang-go | sed -n 's/.*Depends: \(golang-[0-9.]*\)-go$/\1/p')
say "taking $version from Debian $suite"
(cd "$prefix/packages" && apt-get -q download "$version-go" "$version-src" >&2)
for package in "$prefix"/packages/*.deb; do
    dpkg -x "$package" "$prefix"
done
rm -rf "$prefix/packages" "$prefix/apt"
program=$(find "$prefix/usr/lib" -path '*/bin/go' | head -1)
works "$program" || { say "Debian's Go does not work here"; exit 1; }
dirname "$program"

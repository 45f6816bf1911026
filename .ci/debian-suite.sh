#!/usr/bin/env bash
# Makes an apt of its own for one Debian suite, and prints its configuration file's path.
#
#   export APT_CONFIG=$(.ci/debian-suite.sh trixie FOLDER); apt-get download PACKAGE
#
# Its lists, status and cache are in FOLDER: Debian's signatures are checked, and the system's apt sees nothing of it.
set -euo pipefail

suite=$1 apt=$2
mirror=$(apt-get indextargets --format '$(SITE)' 'Label: Debian' | sort -u | head -1)
[ -n "$mirror" ] || { echo "debian-suite: apt knows no Debian mirror" >&2; exit 1; }
mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
: >"$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/etc/sources.list"
cat >"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc";
Dir::Etc::sourcelist "sources.list";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
// A frozen mirror's Release file may be past its date; its signature is checked all the same.
Acquire::Check-Valid-Until "false";
CONF
APT_CONFIG=$apt/apt.conf apt-get -q update >&2
echo "$apt/apt.conf"

# Packages of other Debian suites without touching this machine: an apt configuration of its own, made from the
# machine's entries. Sourced by scripts of this folder, with their name in $0 and a folder of theirs in $work.
# shellcheck shell=bash

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# debian: the code name of this machine's release.
debian() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# apt_env TYPE SUITE...: from here on apt sees these suites (TYPE deb), or their sources (deb-src), and no package as
# installed. Packages are of Debian's architecture $apt_arch, this machine's when that is empty.
apt_env()
{
	local type=$1 dir arch=${apt_arch:-$(dpkg --print-architecture)}
	shift
	dir=$work/apt
	mkdir -p "$dir"/{lists/partial,archives/partial}
	: > "$dir/status"
	python3 "${BASH_SOURCE[0]%/*}/aptsource.py" "$type" "$(debian)" "$@" > "$dir/sources.list" ||
		die "no Debian mirror in this machine's apt entries"
	cat > "$dir/apt.conf" <<-CONF
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Acquire::Languages "none";
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
	CONF
	export APT_CONFIG=$dir/apt.conf
	apt-get -q update >&2 || die "apt-get update failed for $*"
}

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nvio/vm

# is_cached NAME FILE: sets $final to the folder NAME of the cache, which is $XDG_CACHE_HOME/nvio (~/.cache/nvio); fails
# when that has no FILE.
is_cached()
{
	final=$cache/$1
	[ -e "$final/$2" ]
}

# in_cache NAME FILE FUNCTION: the same, but FUNCTION makes the folder first where it is not there: with $work to work in
# and $out to fill.
in_cache()
{
	if ! is_cached "$1" "$2"; then
		mkdir -p "$cache"
		exec 9> "$cache/lock"
		flock 9
	fi
	if ! is_cached "$1" "$2"; then
		say "making $final"
		work=$(mktemp -d "$cache/work.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		out=$work/out
		mkdir -p "$out"
		"$3"
		rm -rf "$final"
		mv "$out" "$final"
		say "$final is made"
	fi
}

# fetch PACKAGE...: downloads and unpacks them into $work/root. Options of apt-get may come first.
fetch()
{
	local package
	mkdir -p "$work/debs" "$work/root"
	( cd "$work/debs" && apt-get -q download "$@" >&2 ) || die "cannot download $*"
	for package in "$work"/debs/*.deb; do
		dpkg -x "$package" "$work/root"
	done
	rm -r "$work/debs"
}

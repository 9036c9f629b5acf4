#!/bin/bash
# A build is quiet when nothing changed, rebuilds when flags or headers change, and keeps flavours
# apart. On a copy of the tree, which it may touch.
set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL
cd "$(dirname "$0")/../.."
fail() { echo "FAIL: $*"; exit 1; }
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r Makefile include lib emu app nvio.pc.in "$copy"
cd "$copy"

# says COMMAND...: what make prints, in $said
says() { said=$("$@" 2>&1); }

says make lib
says make lib
[[ $said != *"  CC "* && $said != *"  LD "* ]] || fail "a second make builds again: $said"
says make CFLAGS=-DSOMETHING lib
[[ $said == *"  CC "*"lib/nvme/qpair.o"* ]] || fail "other flags rebuild nothing: $said"
touch lib/mem/space.h
says make CFLAGS=-DSOMETHING lib
[[ $said == *"  CC "*"lib/mem/space.o"* ]] || fail "a changed header rebuilds nothing"
[[ $said != *"lib/nvme/status.o"* ]] || fail "a changed header rebuilds what does not include it"
while read -r tree settings; do
	read -ra words <<< "$settings"
	says make -n "${words[@]}" lib
	[[ $said == *"build/$tree/libnvio.a"* ]] || fail "$settings builds elsewhere than in build/$tree"
done <<'TREES'
release-asan ASAN=1
debug-ubsan UBSAN=1 DEBUG=1
release-tsan TSAN=1
release-asan-ubsan ASAN=1 UBSAN=1
clang-release CC=clang
TREES

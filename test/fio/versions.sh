#!/bin/bash
# The engine compiles without a warning, also for what fio other releases of Debian have; one that was built for another fio is
# refused with a sentence. Its options have their help. It exports one symbol.
# timeout: 300
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/fio/lib.bash

# compile HEADERS FILE... ARGS...
compile()
{
	gcc -std=gnu11 -D_GNU_SOURCE -fPIC -pthread -fvisibility=hidden -Wall -Wextra -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wpointer-arith -Wvla -Werror -I"$src/include" -include "$1/config-host.h" -isystem "$1" \
		"${@:2}"
}

headers=$("$src/scripts/fio-headers" 2> "$tmp/err") || fail "$(cat "$tmp/err")"
[ "$(cat "$headers/version")" = "$(fio --version)" ] || fail "headers of $(cat "$headers/version") for $(fio --version)"
compile "$headers" "$src"/fio_engine/*.c -shared -DNVIO_FIO_VERSION='"fio-9.99"' -o "$tmp/other.so" "$build/libnvio.a" -lhugetlbfs -lisal
status=0
fio --ioengine="external:$tmp/other.so" --filename='emu\:' --name=test --rw=read > "$tmp/out" 2>&1 || status=$?
[ "$status" = 1 ] || fail "exit status $status with the engine of another version: $(cat "$tmp/out")"
grep -qx "nvio: this engine is for fio-9.99 and does not run in $(fio --version): build it again (make fio)" "$tmp/out" ||
	fail "$(cat "$tmp/out")"

# FIO_SRC=: a tree of one's own, if fio was built there. The version is that tree's.
mkdir -p "$tmp/fio" "$tmp/b/obj"
cp -r "$headers/." "$tmp/fio"
rm "$tmp/fio/version"
find "$build" -maxdepth 1 -type f -exec cp -a {} "$tmp/b" \;
cp -a "$build"/obj/{lib,emu,fio_engine} "$tmp/b/obj"
own=(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$src" fio B="$tmp/b" FIO_SRC="$tmp/fio")
! "${own[@]}" 2> "$tmp/err" || fail "headers of a fio that was not built are taken"
grep -qF "$tmp/fio: build fio there first" "$tmp/err" || fail "$(cat "$tmp/err")"
echo "FIO_VERSION = fio-9.98" > "$tmp/fio/FIO-VERSION-FILE"
"${own[@]}" > "$tmp/out" 2>&1 || fail "FIO_SRC=: $(cat "$tmp/out")"
! fio --ioengine="external:$tmp/b/nvio-fio.so" --filename='emu\:' --name=test --rw=read > "$tmp/out" 2>&1 ||
	fail "the engine of another tree runs: $(cat "$tmp/out")"
grep -q "^nvio: this engine is for fio-9.98 and does not run in " "$tmp/out" || fail "$(cat "$tmp/out")"
echo "FIO_VERSION = $(fio --version)" > "$tmp/fio/FIO-VERSION-FILE"
"${own[@]}" > "$tmp/out" 2>&1 || fail "FIO_SRC=: $(cat "$tmp/out")"
fio --ioengine="external:$tmp/b/nvio-fio.so" --filename='emu\:size=1M' --name=test --rw=read > "$tmp/out" 2>&1 ||
	fail "the engine of FIO_SRC= does not run: $(cat "$tmp/out")"

[ "$(nm -D --defined-only "$engine" | cut -d' ' -f3)" = ioengine ] || fail "other exports than ioengine"
readelf -d "$engine" | grep -q NODELETE || fail "it can be unloaded"
"${preload[@]}" fio --enghelp="$engine" > "$tmp/out"
for option in readfua writefua write_mode deac md_per_io_size pi_act pi_chk apptag apptag_mask interrupts priority sgl \
	max_retries timeout_ms cmb recovery admin_timeout_ms shadow_doorbells host_memory vfio_way hugepage; do
	grep -qE "^$option +: [A-Z0-9]" "$tmp/out" || fail "$option has no help"
	grep -qF "B<$option>" "$src/man/nvio-fio.1.pod" || fail "$option is not in the manual"
done

# The newest fio that Debian has, and that of its release after this one: as far as their sources can be fetched.
got=()
for suite in trixie sid; do
	headers=$("$src/scripts/fio-headers" $suite 2> "$tmp/err") || {
		echo "no headers of the fio in $suite: $(tail -n 1 "$tmp/err")"
		continue
	}
	version=$(cat "$headers/version")
	got+=("$version")
	compile "$headers" "$src"/fio_engine/*.c -fsyntax-only -DNVIO_FIO_VERSION="\"$version\""
	# Trims of several ranges, which this machine's fio may not have.
	compile "$headers" "$src"/test/fio/trim_ranges.c "$src"/fio_engine/request.c -I"$src/fio_engine" -Wl,--wrap=nvio_dsm \
		-o "$tmp/trim_ranges" "$build/libnvio.a" -lhugetlbfs -lisal
	timeout 20 "$tmp/trim_ranges" || fail "trims of several ranges of $version"
done
echo "compiled for: ${got[*]:-no other fio}"
[ ${#got[@]} -gt 0 ] || exit 77

#!/bin/bash
# timeout: 600
# The library and the programs build for each architecture without a warning: they are of it, the library exports what
# this machine's does, and nothing in it is linked with what only this machine has.
set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL
cd "$(dirname "$0")/../.."
fail() { echo "FAIL: $*"; exit 1; }

# exports FILE: what it offers others, one a line; on POWER something stands before the name
exports()
{
	readelf -W --dyn-syms "$1" | sed -E 's/\[[^]]*\]//' | awk '$7 != "UND" && $5 == "GLOBAL" { print $4, $8 }' | sort
}

# in_order CROSS FUNCTION REGEX...: its instructions have these, in this order.
in_order()
{
	local cross=$1 name=$2 code
	shift 2
	code=$("$cross-objdump" -d --no-show-raw-insn "$out/libnvio.a" | sed -nE "/<$name>:\$/,/^\$/s/^ *[0-9a-f]+:\t//p" | sed 's/[[:space:]][[:space:]]*/ /' | tr '\n' ';')
	[ "${#code}" -gt 100 ] || fail "$arch: no function $name, or an empty one"
	grep -qE -- "$(printf ';%s;.*' "$@")" <<< ";$code" || fail "$arch: $name has its barriers elsewhere: $code"
}

make -s lib
wanted=$(exports build/release/libnvio.so)
[ "$(wc -l <<< "$wanted")" -gt 50 ] || fail "libnvio.so of this machine exports next to nothing: $wanted"
while read -r cross arch machine; do
	make -s -j2 WERROR=1 CROSS="$cross" all
	out=build/$arch-release
	for file in libnvio.so nvme_perf nvme_emu nvio; do
		readelf -h "$out/$file" | grep -q "Machine: *$machine\$" || fail "$out/$file is not of $machine"
	done
	[ "$(exports "$out/libnvio.so")" = "$wanted" ] || fail "$arch exports other symbols: $(diff <(echo "$wanted") <(exports "$out/libnvio.so"))"
	objects=$(find "$out/obj/lib" "$out/obj/emu" -name '*.o' | wc -l)
	[ "$(ls lib/*/*.c emu/*.c | wc -l)" -eq "$objects" ] || fail "$out has $objects objects"
	for object in "$out"/obj/lib/*/*.o; do
		readelf -h "$object" | grep -q "Machine: *$machine\$" || fail "$object is not of $machine"
	done
	# No doorbell passes the queue entry before it; the phase tag is read before the rest of its entry; and what was
	# read of an entry was read before the head that lets the controller write there.
	case $arch in
	aarch64) before='dmb osh' store='str w[^;]*' phase='dmb oshld' load='ldr x[^;]*' ;;
	ppc64le) before='hwsync' store='stw [^;]*' phase='lwsync' load='ldx? [^;]*' ;;
	esac
	in_order "$cross" nvio_submit "$before" "$store"
	in_order "$cross" poll_busy "$load" "$phase" "$load" "$before" "$store"
	echo "$arch: $objects objects, $(wc -l <<< "$wanted") symbols"
done <<'END'
aarch64-linux-gnu aarch64 AArch64
powerpc64le-linux-gnu ppc64le PowerPC64
END

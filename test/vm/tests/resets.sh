#!/bin/bash
# resets.sh [N [REMOVALS]]: a controller that is reset N times (50) under reads and writes of all shapes, and then three
# times by somebody else, behind nvio's back. Last, the system takes the device away (3 times) from a program that reads:
# all completes, it lets go at once, and the next one opens the device again when that is back. QEMU 7.2 dies of a reset
# with commands under way.
# vm: --new-qemu
# kernels: small stock
# timeout: 240
. "${0%/*}/../lib.sh"

nr=${1:-50}
bind "$BDF" vfio-pci
mkfifo "$TMPDIR/said"

# start ARGUMENTS...: runs the program in the background; what it says is to be read from $out.
start()
{
	"$BUILD/test/vm/resets" "$@" > "$TMPDIR/said" &
	pid=$!
	exec {out}< "$TMPDIR/said"
}

# finish: it ends well; what else it said is in $TMPDIR/log.
finish()
{
	wait "$pid"
	cat <&"$out" > "$TMPDIR/log"
	cat "$TMPDIR/log"
	exec {out}<&-
}

# recovered AT_LEAST
recovered() { [ "$(sed -n 's/ recoveries.*//p' "$TMPDIR/log")" -ge "$1" ] || fail "not every reset was noticed"; }

start "$BDF" "$nr" 12
grep -m1 resets <&"$out"
for _ in 1 2 3; do
	sleep 1
	echo 1 > $pci/devices/$BDF/reset
done
finish
recovered $((nr + 3))

for ((i = 0; i < ${2:-3}; i++)); do
	start "$BDF"
	grep -m1 reading <&"$out"
	sleep "0.$((RANDOM % 10))"
	began=${EPOCHREALTIME/./}
	echo 1 > $pci/devices/$BDF/remove
	took=$((${EPOCHREALTIME/./} - began))
	finish
	echo "removed within $((took / 1000)) ms"
	[ "$took" -lt 3000000 ] || fail "it was held for $took us"
	[ ! -e $pci/devices/$BDF ] || fail "it is still there"
	echo 1 > $pci/rescan
	wait_for 5 test -e $pci/devices/$BDF
	bind "$BDF" vfio-pci
done
"$BUILD/test/vm/resets" "$BDF" 2 1

#!/bin/bash
# resets.sh [N]: a controller that is reset N times (50) under reads and writes of all shapes, and then three times by somebody
# else, behind nvio's back. Last, the system takes the device away from a program that reads: all completes, it lets go
# at once, and opens the device again when that is back. QEMU 7.2 dies of a reset with commands under way.
# vm: --new-qemu
# kernels: small stock
# timeout: 240
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
mkfifo "$TMPDIR/said"

"$BUILD/test/vm/resets" "$BDF" "${1:-50}" 8 > "$TMPDIR/said" &
pid=$!
exec {out}< "$TMPDIR/said"
grep -m1 resets <&"$out"
for _ in 1 2 3; do
	sleep 1
	echo 1 > $pci/devices/$BDF/reset
done
wait "$pid"
tail -n +1 <&"$out" | tee "$TMPDIR/log"
exec {out}<&-
[ "$(sed -n 's/ recoveries.*//p' "$TMPDIR/log")" -ge $((${1:-50} + 3)) ] || fail "not every reset was noticed"

"$BUILD/test/vm/resets" "$BDF" > "$TMPDIR/said" &
pid=$!
exec {out}< "$TMPDIR/said"
grep -m1 reading <&"$out"
sleep 0.5
start=${EPOCHREALTIME/./}
echo 1 > $pci/devices/$BDF/remove
took=$((${EPOCHREALTIME/./} - start))
wait "$pid"
cat <&"$out"
exec {out}<&-
echo "removed within $((took / 1000)) ms"
[ "$took" -lt 3000000 ] || fail "it was held for $took us"
[ ! -e $pci/devices/$BDF ] || fail "it is still there"
echo 1 > $pci/rescan
wait_for 5 test -e $pci/devices/$BDF
bind "$BDF" vfio-pci
"$BUILD/test/vm/resets" "$BDF" 2 1

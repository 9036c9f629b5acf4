#!/bin/bash
# The host wants a drive back that is in use: the administrator's unbind does not hang, whatever the program does. One
# that reads ends its commands with an error, one that sleeps notices nothing, nvme_perf ends early. The kernel's driver
# finds the drive whole.
# kernels: small stock
# timeout: 180
. "${0%/*}/../lib.sh"
set -o pipefail

# take_back: as an administrator does it; the program lets go after its grace period. None of them ends by itself before half a
# minute has passed.
take_back()
{
	local began=$SECONDS
	timeout 60 bash -c 'echo "$1" > "$2/devices/$1/driver/unbind"' - "$BDF" $pci || fail "unbind hangs: $1"
	[ $((SECONDS - began)) -le 25 ] || fail "$1 took $((SECONDS - began)) s to let go"
	[ "$(driver_of "$BDF")" = none ] || fail "the drive is still bound"
}

mkfifo "$TMPDIR/said"
for how in busy idle deaf; do
	bind "$BDF" vfio-pci
	"$BUILD/test/vm/reclaim" "$BDF" $how > "$TMPDIR/said" &
	pid=$!
	exec {out}< "$TMPDIR/said"
	read -r -t 60 line <&"$out" || fail "$how: no word"
	[ "$line" = ready ] || fail "$how: it says '$line'"
	sleep 0.3
	take_back $how
	while read -r -t 60 line <&"$out"; do
		echo "$how: $line"
	done
	wait $pid || fail "$how ended with status $?"
	exec {out}<&-
done

bind "$BDF" vfio-pci
"$BUILD/nvme_perf" -r "$BDF" -t 60 > "$TMPDIR/log" 2>&1 &
pid=$!
sleep 2
take_back nvme_perf
wait $pid || fail "nvme_perf ended with status $?: $(< "$TMPDIR/log")"
tail -n 1 "$TMPDIR/log"
grep -q '0 of them with an error, in .* (interrupted)' "$TMPDIR/log" || fail "not ended early: $(< "$TMPDIR/log")"

bind "$BDF" nvme
disk=$(wait_for 10 block_of "$BDF")
dd if="$disk" of=/dev/null bs=64k count=16 iflag=direct status=none

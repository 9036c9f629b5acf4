#!/bin/bash
# A process is killed with 64 writes and reads in flight, 20 times, each at another moment after its first completions.
# The next open works each time, and finds what was flushed before the kill, and no torn block.
# kernels: small stock
# timeout: 180
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
mkfifo "$TMPDIR/said"

# hear LINE: the victim's next line has to be that.
hear()
{
	local line
	read -r -t 60 line <&"$out" || fail "generation $generation ended, or hangs, before it said '$1'"
	[ "$line" = "$1" ] || fail "generation $generation said '$line' instead of '$1'"
}

for generation in {0..19}; do
	"$BUILD/test/vm/victim" "$BDF" "$generation" run > "$TMPDIR/said" &
	pid=$!
	exec {out}< "$TMPDIR/said"
	hear flushed
	hear running
	sleep "0.0$((RANDOM % 100))"
	kill -KILL "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 137 ] || fail "generation $generation ended with status $status"
	exec {out}<&-
done
"$BUILD/test/vm/victim" "$BDF" 20 | tee "$TMPDIR/log"
grep -qx '[1-9][0-9]* blocks in flux' "$TMPDIR/log" || fail "nothing was in flux"

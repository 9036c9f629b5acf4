#!/bin/bash
# Two nvme_emu at once on two sockets: driven at the same time by two processes and by one, data compared; each counts
# its own client's commands alone, and one that dies takes nothing of the other with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/cli/lib.bash

# field NUMBER NAME: of that server's status
field() { timeout 60 "$build/nvme_emu" ctl "$tmp/c$1" status | grep -o "$2=[^ ]*" | cut -d = -f 2; }

# run NUMBER COMMAND...: in the background, with what it says in a file; its process is $client
run()
{
	local log=$tmp/log$1
	shift
	timeout 100 "$build/$1" "${@:2}" > "$log" 2>&1 &
	client=$!
}

# busy NUMBER: waits until that server is at work
busy()
{
	for _ in $(seq 500); do
		[ "$(field "$1" client)" = yes ] && [ "$(field "$1" reads)" -gt 100 ] && return
		sleep 0.01
	done
	fail "server $1 has nothing to do: $(cat "$tmp/log$1")"
}

serve "$tmp/s1" --control "$tmp/c1" --ns size=128M --ns size=16M,lba=4096
serve "$tmp/s2" --control "$tmp/c2" --ns size=128M,lba=4096 --ns size=16M

# Random I/O against a model in memory.
run 1 test/vm/verify "vfio-user:$tmp/s1" 0 32:20000
first=$client
run 2 test/vm/verify "vfio-user:$tmp/s2" 0 32:20000
second=$client
busy 1
busy 2
[ "$(field 1 client),$(field 2 client)" = yes,yes ] || fail "not at the same time"
wait "$first" || fail "first: $(cat "$tmp/log1")"
wait "$second" || fail "second: $(cat "$tmp/log2")"
[ "$(field 1 errors),$(field 2 errors)" = 0,0 ] || fail "errors"

# One process on both, each command counted where it went.
before=$(field 2 commands)
timeout 100 "$build/test/vm/two_controllers" "vfio-user:$tmp/s1" "vfio-user:$tmp/s2" > "$tmp/log" 2>&1 ||
	fail "both: $(cat "$tmp/log")"
[ "$(field 2 commands)" -gt "$before" ] || fail "the second was not asked"
before=$(field 1 commands)
"$build/nvme_perf" -r "vfio-user:$tmp/s2" -n 1000 -t 60 > /dev/null 2>&1 || fail "the second is gone"
[ "$(field 1 commands)" = "$before" ] || fail "the first counts the second's commands"

# The second dies in the middle of it.
run 1 nvme_perf -r "vfio-user:$tmp/s1" -q 8 -w randrw -t 3
first=$client
run 2 nvme_perf -r "vfio-user:$tmp/s2" -q 8 -w randrw -t 60
second=$client
busy 1
busy 2
stop KILL
! wait "$second" || fail "nothing was noticed"
wait "$first" || fail "first, after the second died: $(cat "$tmp/log1")"
grep -q ', 0 of them with an error' "$tmp/log1" || fail "first, after the second died: $(cat "$tmp/log1")"

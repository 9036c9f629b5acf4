#!/bin/bash
# The software controller from the command line: nvme_perf on emu: and on a socket of nvme_emu, their
# accounting, and each bad input with one line and exit status 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/cli/lib.bash

# What each queue pair of a run does: a number of I/Os, as the sanitizers on a busy machine take what time they take.
nr=200

# total ERRORS: the last run's figures add up to that many I/Os of one queue pair, and errors.
total()
{
	python3 - "$tmp/json" "$nr" "$1" <<-'PYTHON'
		import json, sys
		nr, errors = map(int, sys.argv[2:])
		report = json.load(open(sys.argv[1]))
		total = report["total"]
		want = nr * len(report["queue_pairs"])
		drivers = [pair["driver"] for pair in report["queue_pairs"]]
		counted = all(d["completed"] == d["submitted"] >= d["sq_doorbells"] > 0 < d["polls"] for d in drivers)
		sys.exit(not (counted and total["submitted"] == total["completed"] == want and total["errors"] == errors))
	PYTHON
}

# counted DEVICE ARGS...: a run whose figures add up
counted()
{
	"$build/nvme_perf" -r "$@" -n "$nr" -t 60 --json - > "$tmp/json" 2> "$tmp/err" || fail "$*: $(cat "$tmp/err")"
	total 0 || fail "$*: the figures do not add up: $(cat "$tmp/json")"
}

counted emu: -q 1
counted emu: -q 32 -w randrw -M 70 -P 4 -o 128k
counted emu:size=64M,lba=4096/1 -q 8 -w write -o 64k
nr=2000 counted emu:null=on -q 1023 -o 512
counted emu: -q 4 --priority low
counted emu:hmb=8M -q 4 --host-memory 4m
# Larger than one command, with metadata in each place, with protection information of each kind.
counted emu:mdts=5 -q 4 -w randrw -o 1m
counted emu:lba=512,md=8 -q 8 -w randrw -o 16k
counted emu:lba=4096,md=64,extended=on -q 8 -w randrw -o 1m
counted emu:lba=512,md=8,pi=1 -q 8 -w randrw
counted emu:lba=4096,md=16,pi=1,guard=32 -q 8 -w randrw -o 256k
counted emu:lba=4096,md=16,pi=1,guard=64 -q 8 -w randrw -o 256k

# One completion in error, of the many; the words of a fault may be apart by blanks too.
for fault in fail+status=0x4281+opcode=2+skip=50 'fail status=0x4281 opcode=2 skip=50'; do
	"$build/nvme_perf" -r "emu:lba=4096,fault=$fault" -n "$nr" -t 60 --json - > "$tmp/json" 2> "$tmp/err" || true
	total 1 || fail "$fault: $(cat "$tmp/err" "$tmp/json")"
done

serve "$tmp/s" --ns size=128M,lba=4096 --ns size=64M
counted "vfio-user:$tmp/s" -q 16 -w randrw
counted "vfio-user:$tmp/s/2" -q 16 -w randread -o 512
bad 'somebody listens on it already' "$build/nvme_emu" --socket "$tmp/s"

# The server is killed in mid-I/O: everything outstanding ends, the program says why and leaves.
"$build/nvme_perf" -r "vfio-user:$tmp/s" -q 32 -t 20 > "$tmp/out" 2> "$tmp/err" &
client=$!
sleep 0.5
stop KILL
status=0
SECONDS=0
wait "$client" || status=$?
[ "$status" = 1 ] && [ "$SECONDS" -le 5 ] || fail "server gone: exit status $status after $SECONDS s"
grep -q 'gone' "$tmp/err" || fail "server gone: $(cat "$tmp/err")"

# Ctrl-C: what was submitted is completed and told of, and the controller is told to shut down, which it is asked to forget
# the second time.
for fault in clear no-shutdown; do
	serve "$tmp/s" --control "$tmp/c" --ns size=64M
	"$build/nvme_emu" ctl "$tmp/c" "$fault" > "$tmp/out"
	"$build/nvme_perf" -r "vfio-user:$tmp/s" -q 32 -t 60 --json "$tmp/json" > "$tmp/out" 2> "$tmp/err" &
	client=$!
	until [[ $("$build/nvme_emu" ctl "$tmp/c" status) =~ reads=[0-9]{3} ]]; do
		[ -e /proc/$client ] || fail "$fault: $(cat "$tmp/err")"
		sleep 0.1
	done
	kill -INT "$client"
	if [ "$fault" = clear ]; then
		wait "$client" || fail "interrupted: exit status $?: $(cat "$tmp/err")"
		python3 - "$tmp/json" <<-'PYTHON' || fail "interrupted: $(cat "$tmp/json")"
			import json, sys
			report = json.load(open(sys.argv[1]))
			total = report["total"]
			sys.exit(not (report["interrupted"] and total["submitted"] == total["completed"] > 0 and not total["errors"]))
		PYTHON
		grep -q ' (interrupted)$' "$tmp/out" || fail "interrupted: $(cat "$tmp/out")"
	else
		for _ in $(seq 100); do
			[[ $("$build/nvme_emu" ctl "$tmp/c" list) != *'hit 1'* ]] || break
			sleep 0.1
		done
		[[ $("$build/nvme_emu" ctl "$tmp/c" list) == *'hit 1'* ]] || fail "interrupted: no shutdown notification"
		kill -KILL "$client"
		wait "$client" 2> /dev/null || true
	fi
	stop TERM
done

bad 'no vfio-user server at' "$build/nvme_perf" -r "vfio-user:$tmp/nothing"
bad "nonsense" "$build/nvme_perf" -r emu:nonsense=1
bad "lba" "$build/nvme_perf" -r emu:lba=1000
bad "core=1023" "$build/nvme_perf" -r emu:core=1023
bad '"explode" is no fault; there are fail ' "$build/nvme_perf" -r emu:fault=explode
bad 'no part of it' "$build/nvme_perf" -r emu:fault=drop+status=5
bad "multiple" "$build/nvme_perf" -r emu:lba=4096 -o 512
bad "no active namespace 9" "$build/nvme_perf" -r emu:/9
bad "core=1023" "$build/nvme_emu" --socket "$tmp/t" -o core=1023
bad "nonsense" "$build/nvme_emu" --socket "$tmp/t" --ns nonsense=1
bad 'delay needs "time="' "$build/nvme_emu" --socket "$tmp/t" --fault 'delay opcode=2'
bad 'a path of 2.. bytes' "$build/nvme_emu" --socket "$tmp/$(printf '%0200d' 0)"
bad 'size=1000: no multiple of the block' "$build/nvme_emu" --socket "$tmp/t" --ns size=1000,lba=512
bad 'size=1000: no multiple of the block' "$build/nvme_perf" -r emu:size=1000
truncate -s 4096 "$tmp/small"
bad 'small is too small: 4096 bytes, and 1048576 are needed' "$build/nvme_emu" --socket "$tmp/t" --ns size=1M,file="$tmp/small"
(
	# No file may become as long: what was made for it is not left behind.
	trap '' XFSZ
	ulimit -f 1000
	bad 'cannot grow to 104857600 bytes' "$build/nvme_emu" --socket "$tmp/t" --ns size=100M,file="$tmp/huge"
)
[ ! -e "$tmp/huge" ] || fail "a file is left behind"
bad 'cannot open .*/none: No such file' "$build/nvme_emu" --socket "$tmp/t" --ns file="$tmp/none"
serve "$tmp/s" --ns size=1M,file="$tmp/file"
bad 'file is in use by another instance' "$build/nvme_emu" --socket "$tmp/t" --ns size=1M,file="$tmp/file"
bad 'file is in use by another instance' "$build/nvme_perf" -r "emu:size=1M,file=$tmp/file"
# A file that is called by a number.
counted "emu:size=1M,file=$tmp/12" -w randrw
[ "$(stat -c %s "$tmp/12")" = 1048576 ] || fail "the namespace is not in $tmp/12"

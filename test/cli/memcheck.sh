#!/bin/bash
# The programs on the software controller under valgrind's memcheck: nvme_perf on emu: and on nvme_emu, verification and
# two controllers from four threads. test/run does the same with the suites of test/emu.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${NVIO_BUILD:-build/release}
fail() { echo "FAIL: $*"; exit 1; }
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$tmp"' EXIT

# clean COMMAND...: nothing is said of it
clean()
{
	test/memcheck "$@" > "$tmp/out" 2> "$tmp/err" || fail "$*: status $?: $(cat "$tmp/err")"
}

# It does tell of a leak and of a byte too many.
for bug in 'return malloc(8) == argv' 'char *p = malloc(8); int c = p[argc + 7]; free(p); return c == 42'; do
	echo "#include <stdlib.h>
int main(int argc, char **argv) { (void)argc; (void)argv; $bug; }" > "$tmp/bug.c"
	gcc -O0 -w -o "$tmp/bug" "$tmp/bug.c"
	status=0
	test/memcheck "$tmp/bug" > "$tmp/out" 2>&1 || status=$?
	[ "$status" = 99 ] || fail "status $status of a program with a bug: $(cat "$tmp/out")"
done

clean "$build/nvme_perf" -r emu:size=64M -q 1 -n 200
clean "$build/nvme_perf" -r emu:size=64M,ns,size=16M,lba=4096 -q 128 -P 2 -w randrw -o 16k -n 3000 -L --json -
clean "$build/test/vm/verify" emu:size=128M,mdts=9 0 128:8000
clean "$build/test/vm/two_controllers" emu:size=16M,ns,size=16M,lba=4096 emu:size=16M,ns,size=16M

test/memcheck "$build/nvme_emu" --socket "$tmp/s" --ns size=64M --ns null,size=1G > "$tmp/ready" 2> "$tmp/err" &
server=$!
for _ in $(seq 200); do
	[ -s "$tmp/ready" ] && break
	sleep 0.05
done
for nsid in 1 2; do
	clean "$build/nvme_perf" -r "vfio-user:$tmp/s/$nsid" -q 32 -w rw -n 3000
done
kill "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] || fail "nvme_emu: status $status: $(cat "$tmp/err")"

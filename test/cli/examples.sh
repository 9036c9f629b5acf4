#!/bin/bash
# The examples on the software controller, with vectors for every queue pair and with one for all of them, and what they
# say of a slow controller, a failing one and one that is not there.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${NVIO_BUILD:-build/release}
fail() { echo "FAIL: $*"; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# run STATUS NAME DEVICE: an example's exit status; what it prints is in $tmp/out and $tmp/err
run()
{
	local status=0
	timeout 60 "$build/examples/$2" "$3" > "$tmp/out" 2> "$tmp/err" || status=$?
	[ "$status" = "$1" ] || fail "$2 $3: exit status $status: $(cat "$tmp/out" "$tmp/err")"
}

# says NAME REGEX [N]: one line, or N, of standard output that match as a whole
says()
{
	[ "$(grep -cxE "$2" "$tmp/out")" = "${3:-1}" ] || fail "$1: not $2: $(cat "$tmp/out")"
}

for device in emu:lba=4096 emu:vectors=2; do
	run 0 hello "$device"
	says hello 'block 0: hello, world'
	run 0 epoll "$device"
	says epoll '250 ticks, ([0-9]+) reads, \1 completed, 0 failed, [0-9]+ wake-ups'
	run 0 uring "$device"
	says uring 'queue pair [1-4]: 2500 reads, 2500 completed, 0 failed' 4
	says uring '[0-9]{1,5} wake-ups'
done

# Slower than the timer: fewer reads, and none is forgotten.
run 0 epoll emu:latency=20ms
says epoll '250 ticks, ([0-9]+) reads, \1 completed, 0 failed, [0-9]+ wake-ups'
# What no interrupt tells of.
run 0 epoll emu:fault=no-irq+count=3
says epoll '250 ticks, ([0-9]+) reads, \1 completed, 0 failed, [0-9]+ wake-ups'
run 0 uring emu:fault=no-irq+count=3
says uring 'queue pair [1-4]: 2500 reads, 2500 completed, 0 failed' 4

bad=fault=fail+status=0x4281+opcode=2+count=1
run 1 hello "emu:$bad"
grep -qx 'unrecovered read error' "$tmp/err" || fail "hello: $(cat "$tmp/err")"
run 1 epoll "emu:$bad"
says epoll '250 ticks, ([0-9]+) reads, \1 completed, 1 failed, [0-9]+ wake-ups'
run 1 uring "emu:$bad"
says uring 'queue pair [1-4]: 2500 reads, 2500 completed, 1 failed'
for name in hello epoll uring; do
	run 1 "$name" 0000:ff:1f.7
	grep -q '^0000:ff:1f.7: no such PCI device' "$tmp/err" || fail "$name: $(cat "$tmp/err")"
done

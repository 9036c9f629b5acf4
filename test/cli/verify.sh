#!/bin/bash
# Random reads and writes on the software controller against a model in memory, with the programs that the guest tests
# run on VFIO: both sizes of blocks, transfers of one block to the largest there is, every offset in a page, depths from
# 1 to the most, queues that wrap, and requests that no one command can do; and two controllers with two namespaces each
# from four threads.
# timeout: 240
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${NVIO_BUILD:-build/release}
fail() { echo "FAIL: $*"; exit 1; }
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$tmp"' EXIT

# verify NAME BLOCKS OF LAST [OPTION...] DEPTH:COMMANDS...: the largest request of the first depth is BLOCKS blocks OF
# bytes, the deepest queue LAST.
verify()
{
	local name=$1 blocks=$2 of=$3 last=$4 options=() first
	shift 4
	while [[ $1 == -* ]]; do
		options+=("$1")
		shift
	done
	first=${1%%:*}
	[ "$first" != 0 ] || first=$last
	echo "$name"
	"$build/test/vm/verify" "${options[@]}" "$name" 0 "$@" 2> "$tmp/err" | tee "$tmp/log" ||
		fail "$name: $(cat "$tmp/err")"
	grep -q "^depth $first: .* 1 to $blocks blocks of $of bytes" "$tmp/log" || fail "$name: not $blocks blocks of $of"
	grep -q "^depth $last: " "$tmp/log" || fail "$name: no queue of $last commands"
}

two_controllers()
{
	local first=size=16M,ns,size=16M,lba=4096 second=size=16M,lba=4096,ns,size=16M
	"$build/test/vm/two_controllers" emu:$first emu:$second 2> "$tmp/err" || fail "$(cat "$tmp/err")"
}

two_controllers
if [[ $build == *-tsan* ]]; then
	# What threads do to each other shows in these as well as in all the others, which take minutes here.
	verify emu:size=128M 1000 512 128 128:10000
	exit 0
fi
verify emu:size=128M 1024 512 1023 1:5000 2:5000 31:8000 128:10000 0:20000
verify emu:size=128M,lba=4096,mdts=10,dstrd=2 1024 4096 1023 4:5000 31:5000 0:10000
# Beyond what PRPs can say and what one command moves.
verify emu:size=128M,lba=4096,mdts=5 160 4096 128 -b -x5 2:20000 128:20000
# Pages of 16 KiB with no limit to a transfer; the shallowest and a very deep queue.
verify emu:size=128M,mdts=0,mpsmin=2,mpsmax=2 8192 512 31 4:5000 31:5000
verify emu:size=128M,lba=4096,entries=2 128 4096 1 0:5000
verify emu:size=128M,entries=4096 1024 512 4095 4:5000 0:20000

"$build/nvme_emu" --socket "$tmp/s" --ns size=128M,lba=4096 > "$tmp/ready" &
server=$!
for _ in $(seq 100); do
	[ -s "$tmp/ready" ] && break
	sleep 0.05
done
verify "vfio-user:$tmp/s" 128 4096 128 4:5000 128:10000

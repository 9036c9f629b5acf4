#!/bin/bash
# Every example job runs as it is, but for where the engine was built, and does what its comment says.
# timeout: 200
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/fio/lib.bash

# runs NAME: an example, with its figures in $tmp/json
runs()
{
	sed "s|build/release/nvio-fio.so|$engine|" "$src/fio_engine/examples/$1.fio" > "$tmp/$1.fio"
	grep -q "external:$engine" "$tmp/$1.fio" || fail "$1: it names no engine"
	timeout 100 "${preload[@]}" fio --output-format=json --output="$tmp/json" "$tmp/$1.fio" > "$tmp/out" 2> "$tmp/err" ||
		fail "$1: exit status $?: $(cat "$tmp/err")"
	figures 'jobs and all(job["error"] == 0 for job in jobs)'
	ran+=("$1")
}

ran=()
runs randread
figures 'jobs[0]["read"]["total_ios"] > 100 and jobs[0]["job_runtime"] >= 2900'
runs verify
figures 'jobs[0]["write"]["io_bytes"] == jobs[1]["read"]["io_bytes"] == 64 << 20'
runs jobs
figures 'len(jobs) == 4 and all(job["write"]["io_bytes"] == job["read"]["io_bytes"] == 32 << 20 for job in jobs)'
runs two-drives
figures 'jobs[0]["read"]["io_bytes"] + jobs[0]["write"]["io_bytes"] == 64 << 20 and jobs[0]["sync"]["total_ios"] > 30'
runs protection
figures 'len(jobs) == 2 and all(job["write"]["io_bytes"] == job["read"]["io_bytes"] == 16 << 20 for job in jobs)'
runs zones
figures 'jobs[0]["write"]["io_bytes"] == jobs[0]["read"]["io_bytes"] == 64 << 20'

expected=$(cd "$src/fio_engine/examples" && ls -- *.fio | sed 's/\.fio$//' | sort)
[ "$(printf '%s\n' "${ran[@]}" | sort)" = "$expected" ] || fail "not all examples are here: $expected"

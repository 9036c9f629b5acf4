#!/bin/bash
# What the compiler made of the I/O path's short way: no division, no locked instruction, no system call; and where one
# command is queued, submitted or found finished, no call of another function.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail() { echo "FAIL: $*"; exit 1; }
[ "$(uname -m)" = x86_64 ] || { echo "of x86-64 only"; exit 77; }

# Lines "FUNCTION INSTRUCTION"; what the compiler split off as cold is another function.
code=$(objdump -d --no-show-raw-insn "${NVIO_BUILD:-build/release}/libnvio.a" |
	sed -nE 's/^[0-9a-f]+ <(.*)>:$/@\1/p; s/^ *[0-9a-f]+:\t(.*)/\1/p' |
	awk '/^@/ { name = substr($0, 2); next } { print name, $0 }')

# without REGEX FUNCTION...: each function is there, and no instruction of it matches.
without()
{
	local regex=$1 name body
	shift
	for name; do
		body=$(grep "^$name " <<< "$code" || true)
		[ "$(wc -l <<< "$body")" -ge 8 ] || fail "no function $name, or an empty one"
		! grep -E "^[^ ]+ ($regex)" <<< "$body" || fail "$name"
	done
}

small=(nvio_read nvio_write nvio_submit nvio_poll poll_busy)
others=(read_pages write_pages poll_on nvio_read_buffer nvio_write_buffer nvio_queue_registered
	nvio_readv nvio_writev nvio_command_queue)
without 'i?div|lock|syscall|int ' "${small[@]}" "${others[@]}"
without 'call' "${small[@]}"

# The search finds what it looks for, where a request is cut at a boundary.
grep -qE '^nvio_request_build i?div' <<< "$code" || fail "no division found where there is one"

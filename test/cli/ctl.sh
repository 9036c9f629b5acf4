#!/bin/bash
# nvme_emu ctl: faults while nvme_perf runs, counted on both sides; both sockets taken over, refused and removed; and
# each bad input with one line and exit status 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/cli/lib.bash
emu=$build/nvme_emu

ctl=(timeout 60 "$emu" ctl "$tmp/c")

# says TEXT COMMAND...: what a command is answered
says()
{
	local text=$1 got
	shift
	got=$("${ctl[@]}" "$@" 2>&1) || fail "ctl $*: $got"
	[ "$got" = "$text" ] || fail "ctl $*: says $got, not $text"
}

# shows WORD: a part of the status
shows() { "${ctl[@]}" status | grep -qF "$1" || fail "not $1: $("${ctl[@]}" status)"; }

# Somebody listens and says nothing; its time runs while the rest of the test does.
python3 - "$tmp/silent" <<-'PYTHON' &
	import socket, sys, time
	server = socket.socket(socket.AF_UNIX)
	server.bind(sys.argv[1])
	server.listen()
	time.sleep(60)
PYTHON
servers+=($!)
for _ in $(seq 200); do
	[ -S "$tmp/silent" ] && break
	sleep 0.05
done
timeout 60 "$emu" ctl "$tmp/silent" list > "$tmp/silent.out" 2>&1 &
silent=$!

serve "$tmp/s" --control "$tmp/c" --ns size=64M,lba=4096 --fault 'fail status=0x5 opcode=0x99'
shows 'state=disabled client=no '
shows 'commands=0 '
says 'fail status=0x5 opcode=0x99 (hit 0, left 1)' list
says ok clear
says 'no faults' list

# Five of many, while it runs.
timeout 60 "$build/nvme_perf" -r "vfio-user:$tmp/s" -q 4 -t 3 --json - > "$tmp/json" 2> "$tmp/err" &
client=$!
for _ in $(seq 200); do
	"${ctl[@]}" status | grep -q 'state=ready client=yes .* reads=[1-9]' && break
	sleep 0.02
done
says ok fail status=0x4281 opcode=2 count=5
wait "$client" || true
python3 - "$tmp/json" <<-'PYTHON' || fail "not five errors: $(cat "$tmp/err" "$tmp/json")"
	import json, sys
	total = json.load(open(sys.argv[1]))["total"]
	sys.exit(not (total["submitted"] == total["completed"] > 100 and total["errors"] == 5))
PYTHON
says 'fail status=0x4281 opcode=2 count=5 (hit 5, left 0)' list
shows 'state=disabled client=no '

says ok gone
shows 'state=gone '
bad 'gone' "$build/nvme_perf" -r "vfio-user:$tmp/s" -t 1
says ok back
"$build/nvme_perf" -r "vfio-user:$tmp/s" -t 1 > "$tmp/out" 2> "$tmp/err" || fail "not back: $(cat "$tmp/err")"

# The manual page has all of them.
for fault in $("$emu" --fault explode 2>&1 | sed 's/.*there are//'); do
	grep -q "B<$fault>" man/nvme_emu.1.pod || fail "the manual page has no $fault"
done
for option in $("$emu" --help | grep -o -- '--[a-z]*'); do
	[ "$option" = --usage ] || grep -q "B<$option>" man/nvme_emu.1.pod || fail "the manual page has no $option"
done

bad '"explode" is no command: list, clear, back, status, or a fault' "${ctl[@]}" explode
bad 'drop: "status=5" is no part of it' "${ctl[@]}" drop status=5
bad 'the device is not gone' "${ctl[@]}" back
bad 'needs the path of a control socket, and a command' "${ctl[@]}"
bad 'needs the path of a control socket, and a command' "$emu" ctl
bad 'a command has at most 254 bytes' "${ctl[@]}" "$(printf '%0255d' 0)"
bad 'a command is one line' "${ctl[@]}" $'drop\nclear'
bad 'unrecognized option' "$emu" ctl --nonsense "$tmp/c" list
bad 'a path of 2.. bytes' "$emu" ctl "$tmp/$(printf '%0200d' 0)" list
bad 'no nvme_emu listens at ' "$emu" ctl "$tmp/nothing" list
bad 'cannot connect' "$emu" ctl "$tmp/s/nothing" list
bad 'hung up without an answer' "$emu" ctl "$tmp/s" fail status=0x4281 opcode=2

bad 'is given twice' "$emu" --socket "$tmp/t" --control "$tmp/a" --control "$tmp/b"
bad 'a path of 2.. bytes' "$emu" --socket "$tmp/t" --control "$tmp/$(printf '%0200d' 0)"
bad 'somebody listens on it already' "$emu" --socket "$tmp/t" --control "$tmp/c"
bad 'somebody listens on it already' "$emu" --socket "$tmp/t" --control "$tmp/t"
: > "$tmp/file"
bad 'exists and is no socket' "$emu" --socket "$tmp/t" --control "$tmp/file"
[ ! -e "$tmp/t" ] || fail "the socket of a server that did not begin is still there"
[ -f "$tmp/file" ] || fail "a file was removed"
bad '"clear list" is no command' "${ctl[@]}" clear list

# Whoever locks the directory keeps nobody waiting for ever.
mkdir "$tmp/locked"
exec {lock}< "$tmp/locked"
flock "$lock"
bad 'is locked by another process' "$emu" --socket "$tmp/locked/s"
exec {lock}<&-

# A server that was killed leaves both sockets; the next one takes them over, and removes them at its end.
stop KILL
[ -S "$tmp/s" ] && [ -S "$tmp/c" ] || fail "a killed server removed its sockets"
bad 'no nvme_emu listens at ' "${ctl[@]}" list
serve "$tmp/s" --control "$tmp/c"
says 'no faults' list
stop TERM
[ ! -e "$tmp/s" ] && [ ! -e "$tmp/c" ] || fail "sockets are left: $(ls "$tmp")"

status=0
wait "$silent" || status=$?
[ "$status" = 1 ] || fail "a silent socket: exit status $status"
grep -q 'no answer from .* within 10 s' "$tmp/silent.out" || fail "a silent socket: $(cat "$tmp/silent.out")"

# --help names each key of the manual page: those of a namespace, and of the controller.
"$emu" --help > "$tmp/help"
keys=$(sed -n '/^=item B<-n>/,/^=item B<-f>/p' man/nvme_emu.1.pod | grep '^=item' | grep -o 'B<[a-z]*>' | tr -d 'B<>')
[ "$(wc -w <<< "$keys")" -ge 25 ] || fail "keys of the manual page: $keys"
for key in $keys; do
	grep -qw "$key" "$tmp/help" || fail "--help does not name $key"
done

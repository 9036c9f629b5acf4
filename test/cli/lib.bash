# For tests of the programs, to be sourced from the folder above test/: where they are, a folder of one's own,
# servers that end with the test, and commands that must fail.
build=$PWD/${NVIO_BUILD:-build/release}
[[ ${NVIO_BUILD:-} != /* ]] || build=$NVIO_BUILD
tmp=$(mktemp -d)
servers=()
trap 'for pid in "${servers[@]}"; do kill "$pid" 2> /dev/null || true; done; rm -rf "$tmp"' EXIT

fail() { echo "FAIL: $*"; exit 1; }

# serve SOCKET ARGS...: an nvme_emu that listens; its process is $server
serve()
{
	: > "$tmp/ready"
	"$build/nvme_emu" --socket "$@" > "$tmp/ready" &
	server=$!
	servers+=("$server")
	for _ in $(seq 200); do
		[ -s "$tmp/ready" ] && break
		sleep 0.05
	done
	[ "$(cat "$tmp/ready")" = "listening on $1" ] || fail "not ready: $(cat "$tmp/ready")"
}

# stop SIGNAL: ends the last server
stop()
{
	kill "-$1" "$server"
	wait "$server" 2> /dev/null || true
	unset 'servers[-1]'
}

# bad REGEX COMMAND...: one line that matches, exit status 1, nothing on standard output
bad()
{
	local regex=$1 status=0
	shift
	timeout 60 "$@" > "$tmp/out" 2> "$tmp/err" || status=$?
	[ "$status" = 1 ] || fail "$*: exit status $status"
	[ ! -s "$tmp/out" ] || fail "$*: prints $(cat "$tmp/out")"
	[ "$(wc -l < "$tmp/err")" = 1 ] || fail "$*: says $(cat "$tmp/err")"
	grep -qE "$regex" "$tmp/err" || fail "$*: says $(cat "$tmp/err"), not $regex"
}

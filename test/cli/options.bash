# For tests of a program's command line, to be sourced from the folder above test/ with $name set: what succeeds, and
# that each mistake gets one line on standard error, exit status 1 and nothing on standard output. A test goes on
# behind what is wrong, and ends with `exit "$failed"`.
program=${NVIO_BUILD:-build/release}/$name
if [ ! -x "$program" ]; then
	echo "not built: $program"
	exit 1
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
	printf 'FAIL: %s\n' "$*"
	failed=1
}

# Runs it; leaves $status, $dir/out and $dir/err.
run() {
	timeout 60 "$program" "$@" > "$dir/out" 2> "$dir/err" < /dev/null
	status=$?
}

# Checks a mistake: a pattern for the one line that it must give, then the arguments.
refuses() {
	local want=$1
	shift
	run "$@"
	[ "$status" = 1 ] || fail "[$*]: exit status $status, not 1"
	[ ! -s "$dir/out" ] || fail "[$*]: prints to standard output: $(head -n 1 "$dir/out")"
	[ "$(wc -l < "$dir/err")" = 1 ] || fail "[$*]: not one line: $(cat "$dir/err")"
	grep -q -e "^$name: .*$want" "$dir/err" || fail "[$*]: not '$want': $(cat "$dir/err")"
}

# Checks what succeeds: prints to standard output only, with a line that matches the pattern.
prints() {
	local want=$1
	shift
	run "$@"
	[ "$status" = 0 ] || fail "[$*]: exit status $status, not 0"
	[ ! -s "$dir/err" ] || fail "[$*]: prints to standard error: $(cat "$dir/err")"
	grep -Eq -e "$want" "$dir/out" || fail "[$*]: not '$want': $(cat "$dir/out")"
}

# For tests of fio's engine, to be sourced from the folder above test/: fio with the engine, and what it says.
. test/cli/lib.bash
engine=$build/nvio-fio.so
[ -e "$engine" ] || fail "$engine is not there: make fio"
src=$PWD
cd "$tmp" # fio leaves files of its own where it runs

# A sanitizer has to be there before fio is. What fio itself never frees is none of the engine's.
preload=()
[[ $build != *-asan* ]] || preload=(env LD_PRELOAD="$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0)

# alone ARGS...: fio's status; JSON is in $tmp/json, what it says in $tmp/err
alone()
{
	: > "$tmp/json"
	timeout 100 "${preload[@]}" fio --output-format=json --output="$tmp/json" --ioengine="external:$engine" "$@" \
		> "$tmp/out" 2> "$tmp/err"
}

# with_engine FILENAME[|FILENAME]... ARGS...: the same with a job on these devices
with_engine()
{
	local name=${1//:/\\:}

	alone --filename="${name//|/:}" --name=test "${@:2}"
}

# figures PYTHON: an expression over `jobs`, the list of what fio reports of each, is true. fio may warn before its JSON.
figures()
{
	python3 - "$tmp/json" "$1" <<-'PYTHON' || fail "not so: $1: $(cat "$tmp/err")"
		import json, sys
		text = open(sys.argv[1]).read()
		jobs = json.loads(text[text.index("{"):])["jobs"]
		sys.exit(not eval(sys.argv[2]))
	PYTHON
}

# good FILENAME ARGS...: a run without errors
good()
{
	with_engine "$@" || fail "$*: exit status $?: $(cat "$tmp/err" "$tmp/out")"
	figures 'jobs and all(job["error"] == 0 for job in jobs)'
}

# verified FILENAME ARGS...: what was written was read back and found as it was
verified()
{
	good "$@" --verify=crc32c --verify_fatal=1
	figures 'all(job["read"]["total_ios"] >= job["write"]["total_ios"] > 0 for job in jobs)'
	figures 'all(job["read"]["io_bytes"] >= job["write"]["io_bytes"] > 0 for job in jobs)'
}

# refused REGEX FILENAME ARGS...: exit status 1 and one line that matches
refused()
{
	local regex=$1 status=0
	shift
	with_engine "$@" || status=$?
	[ "$status" = 1 ] || fail "$*: exit status $status: $(cat "$tmp/err")"
	[ "$(grep -cE -- "$regex" "$tmp/err")" = 1 ] || fail "$*: not one line like '$regex': $(cat "$tmp/err" "$tmp/out")"
}

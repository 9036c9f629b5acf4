#!/bin/bash
# House sizes: no file over 400 lines, no function over 80.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t files < <(find . -path ./build -prune -o -name '*.[ch]' -print)
[ ${#files[@]} -gt 50 ] || { echo "FAIL: only ${#files[@]} files found"; exit 1; }
long=$(awk '
	FNR == 1 && previous { check(previous, last) }
	FNR == 1 { previous = FILENAME; open = 0 }
	/^\{/ { open = FNR }
	/^\}/ && open { if (FNR - open > 80) printf "%s:%d: a function of %d lines\n", FILENAME, open, FNR - open; open = 0 }
	{ last = FNR }
	END { check(previous, last) }
	function check(name, lines) { if (lines > 400) printf "%s: %d lines\n", name, lines }' "${files[@]}")
[ -z "$long" ] || { echo "FAIL: $long"; exit 1; }

#!/bin/bash
# House sizes: no file over 400 lines, no function over 80.
set -euo pipefail
cd "$(dirname "$0")/../.."
long=$(find include lib app emu fio_engine nbdkit_plugin bench test -name '*.[ch]' 2> /dev/null | while read -r file; do
	awk -v file="$file" '
		/^\{/ { open = FNR }
		/^\}/ && open { if (FNR - open > 80) printf "%s:%d: a function of %d lines\n", file, open, FNR - open; open = 0 }
		END { if (FNR > 400) printf "%s: %d lines\n", file, FNR }' "$file"
done)
[ -z "$long" ] || { echo "FAIL: $long"; exit 1; }

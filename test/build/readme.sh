#!/bin/bash
# The program in the README and in the manual page is examples/hello.c. It compiles as strict C11 without a warning, links,
# and says why it cannot run.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${NVIO_BUILD:-build/release}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
tail -n +3 examples/hello.c | sed 's/\t/    /g' > "$out/expected"
for page in README.md man/nvio.7.pod; do
	sed -n '/^    #include <stdio.h>/,/^    }$/p' "$page" | sed 's/^    //' > "$out/readme.c"
	diff "$out/expected" "$out/readme.c" || { echo "FAIL: $page has another program than examples/hello.c"; exit 1; }
done
gcc -std=c11 -Wall -Wextra -Werror -Iinclude "$out/readme.c" -o "$out/readme" "$build/libnvio.a" -lhugetlbfs -lisal -pthread
status=0
message=$("$out/readme" 0000:ff:1f.7 2>&1) || status=$?
[ "$status" = 1 ] && [[ $message == "0000:ff:1f.7: no such PCI device; "* ]] || { echo "FAIL: status $status: $message"; exit 1; }

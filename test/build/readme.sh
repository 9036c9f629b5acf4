#!/bin/bash
# The program in the README compiles without a warning as it stands there, links and says why it cannot run.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${NVIO_BUILD:-build/release}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sed -n '/^    #include <stdio.h>/,/^    }$/p' README.md | sed 's/^    //' > "$out/readme.c"
grep -q nvio_ctrl_open "$out/readme.c" || { echo "FAIL: no program found"; exit 1; }
sed -i 's/0000:01:00.0/0000:ff:1f.7/' "$out/readme.c"
gcc -std=c11 -Wall -Wextra -Werror -Iinclude "$out/readme.c" -o "$out/readme" "$build/libnvio.a" -lhugetlbfs -lisal -pthread
status=0
message=$("$out/readme" 2>&1) || status=$?
[ "$status" = 1 ] && [[ $message == "0000:ff:1f.7: no such PCI device; "* ]] || { echo "FAIL: status $status: $message"; exit 1; }

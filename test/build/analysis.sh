#!/bin/bash
# clang-tidy, cppcheck and gcc's analyser find nothing in the code (`make analysis`), and each finds what it should in
# code that has it. What was looked at since its object was made is not looked at again.
# timeout: 900
set -euo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

# finds STAMP REGEX: in the C code of standard input
finds()
{
	cat > "$tmp/toy.c"
	if make -s B="$tmp/build" analysis_src="$tmp/toy.c" "$tmp/build/$1" > "$tmp/log" 2>&1; then
		fail "$1: nothing found"
	fi
	grep -q -- "$2" "$tmp/log" || fail "$1: something else found: $(cat "$tmp/log")"
	[ ! -e "$tmp/build/$1" ] || fail "$1: not looked at again"
	rm -rf "$tmp/build"
}

finds "obj/$tmp/toy.tidy" bugprone-implicit-widening-of-multiplication-result <<'C'
#include <stdint.h>
uint64_t toy(uint32_t blocks, uint32_t block_len);
uint64_t toy(uint32_t blocks, uint32_t block_len)
{
	return blocks * block_len;
}
C
finds "obj/$tmp/toy.tidy" core.NullDereference <<'C'
int toy(int n);
int toy(int n)
{
	int *there = n > 0 ? &n : 0;

	return *there;
}
C
finds "obj/$tmp/toy.fanalyzer" analyzer-double-free <<'C'
#include <stdlib.h>
void toy(void *p, int n);
void toy(void *p, int n)
{
	free(p);
	if (n > 1)
		free(p);
}
C
finds cppcheck resourceLeak <<'C'
#include <fcntl.h>
int toy(const char *path);
int toy(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	return 0;
}
C

make -s -k -j2 B="${NVIO_BUILD:-build/release}" analysis

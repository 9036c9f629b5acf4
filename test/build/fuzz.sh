#!/bin/bash
# test/fuzz/run tells of an input that crashes, and of a target that tries nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAIL: $*"; cat "$tmp/log"; exit 1; }
mkdir -p "$tmp/test/fuzz" "$tmp/corpus/toy" "$tmp/new"
export NVIO_FUZZ=$tmp NVIO_FUZZ_CORPUS=$tmp/corpus

# Without coverage in the comparison nothing but the corpus can know these bytes.
cat > "$tmp/toy.c" <<'C'
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
__attribute__((no_sanitize("coverage"), noinline)) static int is_bad(const uint8_t *data, size_t len)
{
	static const uint8_t bad[] = { 0xca, 0xfe, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06 };
	size_t same = 0;

	while (same < sizeof(bad) && same < len && data[same] == bad[same])
		same++;
	return same == sizeof(bad);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len && is_bad(data, len))
		__builtin_trap();
	return 0;
}
C
clang -g -fsanitize=fuzzer,address,undefined -o "$tmp/test/fuzz/fuzz_toy" "$tmp/toy.c"

# runs STATUS: of fuzzing the corpus as it is
runs()
{
	local status=0
	test/fuzz/run toy 1 "$tmp/new" > "$tmp/log" 2>&1 || status=$?
	[ "$status" = "$1" ] || fail "status $status"
	rm -rf "$tmp/new"
}

runs 1
grep -q 'no corpus' "$tmp/log" || fail "no corpus"
printf 'ok' > "$tmp/corpus/toy/sound"
runs 0
grep -qE '^toy: [0-9]+ inputs in 1 s, cov: ' "$tmp/log" || fail "what a sound target says"
printf '\xca\xfe\x01\x02\x03\x04\x05\x06' > "$tmp/corpus/toy/bad"
runs 1
grep -q '^ ca fe 01 02 03 04 05 06$' "$tmp/log" || fail "the input is not printed"

#!/bin/bash
# Each public header compiles alone, as C11 and as C++, without a warning; so do the option
# initialisers. Private headers compile alone too.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags=(-Iinclude -Wall -Wextra -Wpedantic -Werror -fsyntax-only)

for header in include/nvio/*.h; do
	name=${header#include/}
	printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" > "$out/alone.c"
	for c in gcc clang; do
		"$c" -std=c11 -Wstrict-prototypes "${flags[@]}" "$out/alone.c"
	done
	for cxx in g++ clang++; do
		"$cxx" -std=c++11 -x c++ "${flags[@]}" "$out/alone.c"
	done
done

cat > "$out/options.c" <<'C'
#include <nvio/nvio.h>
int main(void)
{
	struct nvio_iommu_opts iommu = NVIO_IOMMU_OPTS;
	struct nvio_device_opts device = NVIO_DEVICE_OPTS;
	struct nvio_heap_opts heap = NVIO_HEAP_OPTS;
	struct nvio_ctrl_opts ctrl = NVIO_CTRL_OPTS;
	struct nvio_qpair_opts qpair = NVIO_QPAIR_OPTS;

	return !(iommu.size && device.size && heap.size && ctrl.size && qpair.size);
}
C
gcc -std=c11 "${flags[@]}" "$out/options.c"
g++ -std=c++11 -x c++ "${flags[@]}" "$out/options.c"

# Where addresses have 32 bits the build ends with a sentence, not with what would follow from that.
if gcc -m32 -ffreestanding "${flags[@]}" -x c -include nvio/base.h /dev/null 2> "$out/m32"; then
	echo "FAIL: builds for 32 bits"
	exit 1
fi
grep -q 'nvio needs a 64-bit platform' "$out/m32" || { echo "FAIL: $(cat "$out/m32")"; exit 1; }

for header in lib/*/*.h; do
	gcc -std=gnu11 -D_GNU_SOURCE -Ilib -Iinclude -Wall -Wextra -Werror -Wno-unused-function \
		-fsyntax-only -x c -include "$header" /dev/null
done

#!/bin/bash
# `make install` puts everything where it belongs; a program builds against it by pkg-config, shared and
# static, as C and C++, and so do the examples; the shared library exports what the version script names and
# nothing else.
set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL
cd "$(dirname "$0")/../.."
fail() { echo "FAIL: $*"; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

make -s fio B="$out/build"
make -s install DESTDIR="$out/root" PREFIX=/opt/nvio B="$out/build" > /dev/null
root=$out/root/opt/nvio
for file in lib/libnvio.a lib/libnvio.so lib/libnvio.so.0 lib/libnvio.so.0.1.0 lib/pkgconfig/nvio.pc \
	include/nvio/nvio.h bin/nvme_perf bin/nvio share/man/man1/nvme_perf.1 share/man/man1/nvio.1 share/man/man3/nvio_io.3 share/man/man7/nvio.7 \
	share/doc/nvio/examples/epoll.c share/bash-completion/completions/nvio share/doc/nvio/examples/fio/randread.fio \
	"lib/nvio/$(fio --version)/nvio-fio.so"; do
	[ -e "$root/$file" ] || fail "$file was not installed"
done
[ ! -d "$out/root/usr" ] || fail "something went outside of PREFIX"

objdump -p "$root/lib/libnvio.so" | grep -q 'SONAME *libnvio.so.0$' || fail "wrong soname"
declared=$(grep -ohE '\bnvio_[a-z0-9_]+\(' include/nvio/*.h | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$root/lib/libnvio.so" | sed -n 's/.* T \(.*\)@@NVIO_0.1$/\1/p' | sort)
api=$(tr '\n' ' ' < include/nvio/nvme.h | cat - include/nvio/*.h | tr '\n' ' ' |
	grep -oE 'NVIO_API [^;]*;' | grep -oE 'nvio_[a-z0-9_]+\(' | tr -d '(' | sort -u)
[ "$exported" = "$api" ] || fail "exports and declarations differ: $(diff <(echo "$exported") <(echo "$api"))"
[ -n "$declared" ] || fail "no declarations found"
others=$(nm -D --defined-only "$root/lib/libnvio.so" | grep -v '@@NVIO_0.1$' | grep -v ' A NVIO_0.1' || true)
[ -z "$others" ] || fail "unversioned exports: $others"

cat > "$out/hello.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <nvio/nvio.h>
int main(void)
{
	struct nvio_ctrl *ctrl;

	if (nvio_ctrl_open("0000:ff:1f.7", NULL, &ctrl) == 0 || !strstr(nvio_last_error(), "0000:ff:1f.7"))
		return 1;
	return puts(nvio_version()) < 0;
}
C
export PKG_CONFIG_PATH=$root/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$out/root
read -ra cflags <<< "$(pkg-config --cflags nvio)"
read -ra libs <<< "$(pkg-config --libs nvio)"
gcc -Wall -Werror "${cflags[@]}" "$out/hello.c" -o "$out/hello" "${libs[@]}"
[ "$(LD_LIBRARY_PATH=$root/lib "$out/hello")" = 0.1.0 ] || fail "the shared program does not run"
g++ -x c++ -Wall -Werror "${cflags[@]}" "$out/hello.c" -x none -o "$out/hello++" "${libs[@]}"
[ "$(LD_LIBRARY_PATH=$root/lib "$out/hello++")" = 0.1.0 ] || fail "the C++ program does not run"
# The archive, with what nvio.pc says that it needs.
read -ra static <<< "$(pkg-config --static --libs nvio)"
gcc -Wall -Werror "${cflags[@]}" "$out/hello.c" -o "$out/static" "${static[@]/#-lnvio/$root/lib/libnvio.a}"
objdump -p "$out/static" | grep -q 'NEEDED *libnvio' && fail "the static program needs the shared library"
[ "$("$out/static")" = 0.1.0 ] || fail "the static program does not run"
# Every call on that page has a page of its own name.
for name in nvio_read nvio_qpair_timeout nvio_status_text; do
	grep -qx '.so man3/nvio_io.3' "$root/share/man/man3/$name.3" || fail "there is no manual page $name.3"
done

# The examples as somebody finds them who has nothing else.
for source in "$root"/share/doc/nvio/examples/*.c; do
	name=$(basename "$source" .c)
	others=()
	[ "$name" != uring ] || others=(-luring)
	gcc -Wall -Wextra -Werror "${cflags[@]}" "$source" -o "$out/$name" "${libs[@]}" "${others[@]}"
	LD_LIBRARY_PATH=$root/lib timeout 60 "$out/$name" > "$out/says" || fail "example $name: exit status $?"
	grep -qE '^block 0: hello, world$|, [0-9]+ completed, 0 failed' "$out/says" || fail "example $name: $(cat "$out/says")"
done
[ -x "$out/uring" ] || fail "no examples were installed"

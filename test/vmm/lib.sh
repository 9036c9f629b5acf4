# Helpers for the tests with QEMU at the other end of the socket, sourced by each with: . "${0%/*}/lib.sh"
# The monitor is a QEMU that is a vfio-user client (test/vm/qemu), the drive's driver the guest's own.
# shellcheck shell=bash
set -euo pipefail

SRC=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${NVIO_BUILD:-$SRC/build/release}
[[ $BUILD == /* ]] || BUILD=$SRC/$BUILD
MEM=${MEM:-512}
bdf=0000:00:10.0
start=: # what the guest does before its drive is there
qemu=$("$SRC/test/vm/qemu")
tmp=$(mktemp -d)
server=
trap end EXIT

end()
{
	local pids
	mapfile -t pids < <(jobs -p)
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2> /dev/null || true
	wait
	rm -rf "$tmp"
}

fail()
{
	echo "FAIL: $*"
	exit 1
}

# serve ARGS...: nvme_emu on $tmp/s, ready.
serve()
{
	"$BUILD/nvme_emu" --socket "$tmp/s" "$@" > "$tmp/ready" &
	server=$!
	for _ in $(seq 100); do
		[ ! -s "$tmp/ready" ] || return 0
		sleep 0.05
	done
	fail "nvme_emu is not ready"
}

# drive [BUS [PROPERTY]]: QEMU's options for a drive behind the socket, with id drive.
drive()
{
	local place='"addr":"0x10"'
	[ -z "${1:-}" ] || place="\"bus\":\"$1\""
	[ -z "${2:-}" ] || place+=",$2"
	echo "-device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$tmp/s\"},\"id\":\"drive\",$place}'"
}

# vm [OPTIONS of test/vm/vm]...: runs the script on standard input in a guest whose memory can be shared, with the helpers
# of test/vm/lib.sh, once the drive at $bdf is there.
vm()
{
	{
		echo ". '$SRC/test/vm/lib.sh'; BDF=$bdf; $start"
		echo 'wait_for 20 block_of "$BDF" > /dev/null'
		cat
	} > "$tmp/guest.sh"
	exec "$SRC/test/vm/vm" --qemu-bin "$qemu" --no-nvme --mem "$MEM" \
		--qemu "-object memory-backend-memfd,id=ram,size=${MEM}M,share=on -machine memory-backend=ram" \
		"$@" -- bash "$tmp/guest.sh"
}

# guest [OPTIONS]...: the same, and the script has to succeed, QEMU to have nothing to say, and nvme_emu to go on. The
# script's output is in $tmp/out.
guest()
{
	(vm "$@") > "$tmp/out" 2> "$tmp/err" || fail "$(cat "$tmp/out" "$tmp/err")"
	! grep '^vm: qemu:' "$tmp/err" || fail "QEMU complains"
	still_serving
}

# still_serving: the server has got through all of it.
still_serving()
{
	kill -0 "$server" 2> /dev/null || fail "nvme_emu has ended"
}

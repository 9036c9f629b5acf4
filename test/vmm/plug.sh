#!/bin/bash
# The drive is plugged into a running guest, which finds it and does I/O on it; without I/O the server takes next to no
# processor time. (Unplugging it aborts QEMU 11.1 in an assertion of its own.)
# kernels: small
. "${0%/*}/lib.sh"

bdf=0000:01:00.0
serve --ns size=64M

# qmp COMMAND JSON: asks QEMU for something and fails when it refuses.
qmp()
{
	python3 - "$tmp/qmp" "$1" "$2" <<-'PYTHON'
		import json, socket, sys
		sock = socket.socket(socket.AF_UNIX)
		sock.connect(sys.argv[1])
		stream = sock.makefile("rw")
		for command, arguments in ("qmp_capabilities", "{}"), sys.argv[2:]:
		    json.dump({"execute": command, "arguments": json.loads(arguments)}, stream)
		    stream.flush()
		    while not {"return", "error"} & (answer := json.loads(stream.readline() or '{"error": 0}')).keys():
		        pass
		if "error" in answer:
		    sys.exit(f"{sys.argv[2]}: {answer}")
	PYTHON
}

# reached LINE: the guest's output has it, or soon will.
reached()
{
	for _ in $(seq 400); do
		! grep -qx "$1" "$tmp/out" || return 0
		kill -0 "$guest" 2> /dev/null || break
		sleep 0.1
	done
	fail "not '$1' but: $(cat "$tmp/out" "$tmp/err")"
}

ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }

start='echo "without a drive: $(nvme_bdfs)"'
(vm --no-iommu --qmp "$tmp/qmp" --qemu '-device pcie-root-port,id=slot1,slot=1,chassis=1,addr=5') \
	> "$tmp/out" 2> "$tmp/err" <<'GUEST' &
head -c 8M /dev/urandom > /run/data
dd if=/run/data of="$(block_of "$BDF")" bs=1M oflag=direct status=none
echo "idle"
sleep 3
fio --name=v --filename="$(block_of "$BDF")" --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --offset=32M \
	--size=16M --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output=/run/fio || fail "$(cat /run/fio)"
dd if="$(block_of "$BDF")" bs=1M count=8 iflag=direct status=none | cmp - /run/data || fail "the data"
GUEST
guest=$!
reached "without a drive: "
qmp device_add "{\"driver\": \"vfio-user-pci\", \"id\": \"drive\", \"bus\": \"slot1\",
	\"socket\": {\"type\": \"unix\", \"path\": \"$tmp/s\"}}"
reached "idle"
sleep 0.5
before=$(ticks)
sleep 2
# Hundredths of a second: less than a twentieth of the time.
[ $(($(ticks) - before)) -lt 10 ] || fail "$(($(ticks) - before)) ticks in 2 s without I/O"
wait "$guest" || fail "$(cat "$tmp/out" "$tmp/err")"
! grep '^vm: qemu:' "$tmp/err" || fail "QEMU complains"
still_serving

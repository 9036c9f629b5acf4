#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The command line of nvio, without a device of VFIO: help, mistakes, and what it says of the software
# controller.
#
# Exit status: 0 all as it should be, 1 not, 77 skipped. NVIO_BUILD says where the build is.

set -u
cd "$(dirname "$0")/../.." || exit 1
name=nvio
. test/cli/options.bash

for command in list bind restore doctor vfio; do
	prints "^  $command +[a-z]" --help
	prints "^Usage: nvio $command " "$command" --help
	prints '^  --json +print JSON' "$command" -h
done
prints '^  --user=NAME ' bind --help
prints '^nvio [0-9]+\.[0-9]+\.[0-9]+$' --version

refuses 'no command'
refuses "there is no command 'bnid'" bnid
refuses "no DEVICE: \`nvio list\`" bind
refuses "no DEVICE" restore
refuses "no DEVICE" vfio
refuses "'--foo' is no option of nvio bind" bind --foo 01:00.0
refuses "'--user' is no option of nvio list\|'--user=x' is no option" list --user=x
refuses '--user needs a value' bind --user
refuses "--vfio 'x': not one of group cdev noiommu tce-v1" vfio --vfio x emu:
refuses "'x' is no UUID such as" vfio --vf-token x emu:
refuses '--vf-token needs a value' vfio --vf-token
refuses "'--vf-token' is no option of nvio bind" bind --vf-token 01:00.0
refuses "--all and a DEVICE" restore --all 01:00.0
refuses "'02:00.0' is too much" doctor 01:00.0 02:00.0
refuses "'surplus' is too much" list surplus
refuses "'nonsense' is no device" bind nonsense
refuses "'nonsense' is no device" doctor nonsense
refuses '0000:ff:1f.7: no such PCI device' bind 0000:ff:1f.7
refuses '0000:ff:1f.7: no such PCI device' vfio 0000:ff:1f.7
refuses 'no such user' bind --user 'no such user' 0000:ff:1f.7
printf 'x\ny' > "$dir/name"
refuses "there is no command 'x?y'" "$(cat "$dir/name")"

# A full disk is noticed.
if timeout 60 "$program" --help > /dev/full 2> "$dir/err" || ! grep -q '^nvio: cannot write the output' "$dir/err"; then
	fail "a full disk goes unnoticed: $(cat "$dir/err")"
fi

# What VFIO would say of the software controller.
prints '^  0 BAR0: 0x4000 bytes, read write mmap caps; mappable: 0x1000 \+ 0x1000$' vfio emu:
prints '^  7 config: 0x1000 bytes, read write$' vfio emu:
prints '^  2 MSI-X: [0-9]+ vectors, eventfd' vfio emu:
prints '^way: vfio-user$' vfio emu:
prints '^  8 report of a DMA log: get$' vfio emu:
prints '^page sizes: 4K' vfio emu:
prints '"way": "vfio-user"' vfio --json emu:
python3 - "$dir/out" << 'PY' || fail "the JSON of nvio vfio emu: is not as it should be"
import json, sys

d = json.load(open(sys.argv[1], encoding="utf-8"))
bar = d["regions"][0]
assert (d["device"], d["id"], d["class"]) == ("emu:", "1b36:0010", "0x010802")
assert (bar["name"], bar["bytes"], bar["mappable"]) == ("BAR0", 0x4000, [{"offset": 0x1000, "bytes": 0x1000}])
assert d["page_sizes"][0] == 4096 and "pci" in d["flags"]
assert all(r["start"] <= r["last"] for r in d["iova_ranges"]) and d["iova_ranges"]
assert [i["name"] for i in d["interrupts"]][:2] == ["INTx", "MSI-X"]
PY

# completes WANT WORD...: what bash completes the last word to.
completes() {
	local want=$1 got
	shift
	got=$(PATH=$(dirname "$program"):$PATH bash -c '
		. scripts/nvio.bash-completion
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_nvio
		echo "${COMPREPLY[*]}"' - "$@")
	[ "$got" = "$want" ] || fail "[$*] completes to '$got', not '$want'"
}
completes 'list bind restore doctor vfio' nvio ''
completes restore nvio r
completes '--json --user --group --force --help' nvio bind -
completes --all nvio restore --a
completes root nvio bind --user roo

# The rest depends on the machine, but is JSON on each.
for command in list doctor; do
	run "$command" --json
	python3 -m json.tool "$dir/out" > /dev/null || fail "nvio $command --json prints no JSON: $(cat "$dir/out")"
done
exit "$failed"

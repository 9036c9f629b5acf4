#!/bin/bash
# Memory that a command uses cannot be unregistered, and memory that is not registered cannot be used.
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/unregister" "$BDF"

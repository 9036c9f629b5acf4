#!/bin/bash
# The I/O path's instructions for each I/O stay below the bars of bench-cost.
# timeout: 300
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/bench-cost --no-native

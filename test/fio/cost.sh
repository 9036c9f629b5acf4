#!/bin/bash
# The engine's instructions for each I/O stay below the bar of bench-fio.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/bench-fio

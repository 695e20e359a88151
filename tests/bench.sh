#!/usr/bin/env bash
# Builds the release binaries and measures them against one upstream: see README, "Measure it".
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export PORTUNUS_VENVS=${PORTUNUS_VENVS:-$PWD/.venv}
cargo build --release --locked --quiet -p portunus -p mock-upstream -p bench
"$CARGO_TARGET_DIR/release/bench" "$@" "$CARGO_TARGET_DIR/release/portunus" "$CARGO_TARGET_DIR/release/mock-upstream"
cargo build --release --locked --quiet -p router
tests/setup.sh emu
PORTUNUS_BIN="$CARGO_TARGET_DIR/release" "$PORTUNUS_VENVS/emu/bin/python" tests/lambda/measure.py router

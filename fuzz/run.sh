#!/bin/sh
# Fuzzes the targets one after another and keeps the fewest inputs that reach code which the corpus did not:
#
#     fuzz/run.sh [SECONDS [TARGET...]]     # 600 seconds each, every target
#
# Needs a nightly toolchain and cargo-fuzz. Ends with 1 if a target crashed: its input is in `fuzz/artifacts/TARGET`.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list)
cargo +nightly fuzz build -s none
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
crashed=0
for target; do
    corpus=fuzz/corpus/$target
    rm -rf "$found/$target"
    mkdir "$found/$target"
    echo "== $target: $seconds seconds"
    if cargo +nightly fuzz run -s none "$target" "$found/$target" "$corpus" -- \
        "-max_total_time=$seconds" -timeout=10 -print_final_stats=1 >"$found/log" 2>&1; then
        grep -E 'stat::(number|average|slowest)' "$found/log"
        cargo +nightly fuzz run -s none "$target" "$corpus" "$found/$target" -- \
            -set_cover_merge=1 -use_counters=0 >"$found/log" 2>&1 || crashed=1
        grep 'new files' "$found/log" || cat "$found/log"
    else
        cat "$found/log"
        crashed=1
    fi
done
exit $crashed

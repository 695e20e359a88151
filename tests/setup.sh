#!/bin/sh
# Makes the virtual environments of the tests, each from its lock file:
#   build  cargo-lambda and zig      sam  SAM CLI, cfn-lint, pytest      emu  local AWS emulator, boto3, pytest
#   schema  Schemathesis
# They conflict with each other (botocore pins), so they stay apart.
#
#   tests/setup.sh             all of them; one whose lock file is unchanged is left alone
#   tests/setup.sh sam emu     these only
#
# PORTUNUS_VENVS names their folder (default: .venv in the checkout), so that clones can share them.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
venvs=${PORTUNUS_VENVS:-$root/.venv}

is_current() { # name hash
    [ -f "$venvs/$1/.lock-hash" ] && [ "$(cat "$venvs/$1/.lock-hash")" = "$2" ]
}

make() { # name
    lock=$root/tests/requirements/$1.txt
    [ -f "$lock" ] || { echo "setup: no lock file $lock" >&2; exit 2; }
    hash=$(sha256sum "$lock" | cut -d' ' -f1)
    if is_current "$1" "$hash"; then
        return
    fi
    echo "setup: installing $venvs/$1"
    rm -rf "${venvs:?}/$1"
    python3 -m venv "$venvs/$1"
    "$venvs/$1/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$lock"
    echo "$hash" > "$venvs/$1/.lock-hash"
}

mkdir -p "$venvs"
if [ $# -eq 0 ]; then
    set -- build sam emu schema
fi
for name in "$@"; do
    make "$name"
done

#!/bin/sh
# Make an environment, install xpimport into it and show it at work. Needs Python 3.11+ and a package index.
set -eu
cd -- "$(dirname -- "$0")/.."

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "quickstart: Python 3.11 or newer was not found on PATH. Install it and run this again." >&2
    exit 1
fi

# An environment whose making was cut short has no pip yet and is made anew.
if .venv/bin/python -c 'import pip' 2>/dev/null; then
    echo "Using the environment in .venv"
else
    echo "Making an environment in .venv with $("$python" -V)"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "quickstart: $python cannot make environments. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
    "$python" -m venv --clear .venv
fi

echo "Installing xpimport"
.venv/bin/python -m pip install --quiet --disable-pip-version-check .

echo "Running the demo: .venv/bin/xpimport demo"
.venv/bin/xpimport demo

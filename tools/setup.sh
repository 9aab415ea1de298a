#!/bin/sh
# setup.sh runtime|dev: finds a Python (installs Debian's if run as root), then lets setup.py make .venv with it.
set -eu
cd "$(dirname "$0")/.."

is_usable() { # venv needs ensurepip, which Debian packs apart
    "$1" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_usable "$PYTHON" && echo "$PYTHON"
        return
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if is_usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

found=$(find_python) || found=
if [ -z "$found" ] && [ -z "${PYTHON:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo 'Installing Python with venv and pip (apt-get)'
    said=$({ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv; } 2>&1 </dev/null) ||
        echo "$said" >&2
    found=$(find_python) || found=
fi
if [ -z "$found" ]; then
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is not a Python 3.11 or newer with venv and pip." >&2
    else
        echo 'wearbase needs Python 3.11 or newer with venv and pip.' >&2
    fi
    if command -v apt-get >/dev/null; then
        echo 'Run:  sudo apt-get update && sudo apt-get install -y make python3 python3-venv' >&2
    elif command -v brew >/dev/null; then
        echo 'Run:  brew install python@3.13' >&2
    else
        echo 'Install it, or name one with  make PYTHON=/path/to/python3' >&2
    fi
    exit 1
fi
exec "$found" tools/setup.py "$1"

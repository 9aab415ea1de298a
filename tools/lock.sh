#!/bin/sh
# Writes requirements.lock and requirements-dev.lock: versions and hashes for every platform, no addresses.
set -eu
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS UV_FIND_LINKS || true

compile() {
    out=$1
    shift
    .venv/bin/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file "$out" "$@" >/dev/null
    echo "$out: $(grep -vc '^ ' "$out") packages"
}

compile requirements.lock "$@"
compile requirements-dev.lock --extra dev --extra aws --constraint requirements.lock "$@"

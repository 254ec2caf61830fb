#!/bin/sh
# Writes run.txt and dev.txt from pyproject.toml; called by `make lock`.
# One resolution for all platforms and Pythons from 3.11, every file's hash, and no addresses: whoever installs
# fetches from the index of their choice, and the hashes say whether it is the same file.
set -eu
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_FIND_LINKS 2>/dev/null || true

pin() {  # pin FILE FIRST-LINE ARGUMENTS...
    out=requirements/$1 words=$2
    shift 2
    echo "== $out" >&2
    "$UV" pip compile pyproject.toml "$@" --constraint requirements/limits.txt \
        --universal --python-version 3.11 --python "$PYTHON" --upgrade --generate-hashes \
        --no-annotate --no-header --no-config --quiet --output-file "$out.new"
    {
        echo "# $words"
        echo "# Made by 'make lock' from pyproject.toml: change that, not this. Install with pip's --require-hashes."
        cat "$out.new"
    } >"$out"
    rm "$out.new"
}

pin run.txt "What venuewire, its commands and its sandbox run on, and what builds it." \
    --extra cli --extra sandbox --group build
pin dev.txt "All of run.txt, and the tools for checks and tests." \
    --extra cli --extra sandbox --group build --group dev --constraint requirements/run.txt

# Other people's clients, each in an environment of its own: for scenarios and benches, never for venuewire itself.
peer() {  # peer FILE REQUIREMENT...
    out=requirements/peers/$1
    shift
    echo "== $out" >&2
    printf '%s\n' "$@" | "$UV" pip compile - --universal --python-version 3.11 --python "$PYTHON" --upgrade --generate-hashes \
        --no-annotate --no-header --no-config --quiet --output-file "$out.new"
    {
        echo "# $*: what nobody here wrote, and what it needs."
        echo "# Made by 'make lock'; installed by requirements/environment.py."
        cat "$out.new"
    } >"$out"
    rm "$out.new"
}

peer coinbase-sdk.txt coinbase-advanced-py
peer ccxt.txt ccxt
peer cryptofeed.txt cryptofeed
peer nautilus.txt nautilus_trader
# Bars as frames: not clients, but kept apart likewise; venuewire runs in there, so what it runs on is in there, too.
peer frames.txt polars pandas pyarrow aiohttp msgspec picows 'PyJWT[crypto]'

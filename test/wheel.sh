#!/usr/bin/env bash
# Builds the wheel, installs it in an environment of its own, and runs the tools from elsewhere.
set -euo pipefail
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m build -q --wheel --no-isolation --outdir "$work/dist" .
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q "$work"/dist/*.whl
cp examples/gemv_f16.mlir "$work"
cd "$work"
venv/bin/pim-opt --version
venv/bin/pimc devices attacc > /dev/null
venv/bin/pimc run gemv_f16.mlir --device attacc

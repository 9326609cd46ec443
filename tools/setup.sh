#!/bin/sh
# Creates .venv with every pinned dependency (hash-checked) and the workspace's packages, editable.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
stamp=.venv/.installed
digest=$(cat requirements.lock libs/*/pyproject.toml services/*/pyproject.toml leadctl/pyproject.toml auditor/pyproject.toml | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && exit 0

if [ ! -x .venv/bin/python ]; then
    "$python" -m venv .venv 2>/dev/null || { rm -rf .venv; uv venv --quiet --python "$python" .venv; } || {
        echo "setup: this Python has no venv module; install python3-venv (Debian) or uv" >&2
        exit 1
    }
fi
uv() { .venv/bin/python -m uv "$@"; }
if ! .venv/bin/python -m uv --version >/dev/null 2>&1; then
    awk '/^uv==/{on=1} on{print} on&&!/\\$/{exit}' requirements.lock > .venv/uv.lock
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
    else
        command uv pip install --quiet --python .venv/bin/python --require-hashes -r .venv/uv.lock
    fi
fi
uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
set --
for package in libs/*/ services/*/ leadctl/ auditor/; do
    [ -f "$package/pyproject.toml" ] && set -- "$@" -e "./${package%/}"
done
uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation "$@"
echo "$digest" > "$stamp"

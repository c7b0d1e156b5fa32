#!/bin/sh
# Rewrites the lock files: hashes, no addresses. Needs uv on the PATH.
set -eu
cd "$(dirname "$0")/.."
lock() {
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command requirements/lock.sh --override requirements/overrides.txt "$@"
}
lock requirements/dev.in -o requirements/dev.txt
for name in edge cloud demo dlib; do
    lock "requirements/$name.in" -c requirements/dev.txt -o "requirements/$name.txt"
done
lock requirements/node.in -o requirements/node.txt

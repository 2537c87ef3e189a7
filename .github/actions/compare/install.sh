#!/usr/bin/env bash
# Installs the harness from the checkout of this action, so that no registry needs to know its name, then the project.
set -euo pipefail

harness_root="$(cd "$GITHUB_ACTION_PATH/../../.." && pwd)"
pip=(python -m pip install --disable-pip-version-check --quiet)
cd "$GITHUB_WORKSPACE/$WORKING_DIRECTORY"

case "$INSTALL" in
  "") ;;
  auto)
    # editable: where a layout hides a checkout's code, the harness notices that it came from the working tree
    if [ -f pyproject.toml ] || [ -f setup.py ]; then "${pip[@]}" --editable .; fi
    ;;
  *) bash -euo pipefail -c "$INSTALL" ;;
esac
# last, so that what the project pins does not bring another harness
"${pip[@]}" "$harness_root"
harness --version

#!/usr/bin/env bash
# Finds base and head, measures them, and leaves verdict, exit code and comparison as outputs of the step.
# It ends with 0 whatever the verdict is: the comparison is to be uploaded first.
set -euo pipefail

cd "$GITHUB_WORKSPACE/$WORKING_DIRECTORY"

if [ "$(git rev-parse --is-shallow-repository)" = "true" ]; then
  git fetch --quiet --no-tags --unshallow origin ||
    echo "::warning::only the newest commit is there; give actions/checkout fetch-depth: 0"
fi

head="$INPUT_HEAD"
base="$INPUT_BASE"
case "$EVENT_NAME" in
  pull_request | pull_request_target)
    head="${head:-$PULL_HEAD}"
    # not the tip of the target branch: what others merged there meanwhile is not this pull request's
    base="${base:-$(git merge-base "$PULL_BASE" "$head")}"
    ;;
  push)
    head="${head:-$GITHUB_SHA}"
    # a new branch has nothing before it, and what was before a forced push may be gone
    if git cat-file -e "$PUSH_BEFORE^{commit}" 2> /dev/null; then base="${base:-$PUSH_BEFORE}"; fi
    ;;
esac
head="${head:-${GITHUB_SHA:-HEAD}}"
base="${base:-$head~1}"

folder="$(mktemp -d "${RUNNER_TEMP:-/tmp}/harness-compare.XXXXXX")"
options=(--markdown --report-dir "$folder")
for name in FILE TARGET CLOCK REPLICATIONS ROUNDS MAX_ROUNDS BUDGET WAIVERS; do
  variable="OPTION_$name"
  if [ -n "${!variable}" ]; then options+=("--$(tr 'A-Z_' 'a-z-' <<< "$name")" "${!variable}"); fi
done
if [ "$SAME_SCENARIOS" = "true" ]; then options+=(--same-scenarios); fi
if [ "$ALLOW_INCONCLUSIVE" = "true" ]; then options+=(--allow-inconclusive); fi
read -r -d '' -a scenarios <<< "$INPUT_SCENARIOS" || true

code=0
# an empty list counts as unset in the bash that macOS has
harness continuous "${options[@]}" -- "$base" "$head" ${scenarios[@]+"${scenarios[@]}"} \
  > "$folder/summary.md" || code=$?

comparison=""
for written in "$folder"/comparison-*.json; do
  if [ -f "$written" ]; then
    # the one name that the job which comments will open
    comparison="$folder/comparison.json"
    mv "$written" "$comparison"
  fi
done
verdicts=([0]=held [1]=regression [2]=usage [3]=not-enough [5]=run-invalid [70]=fault [130]=interrupted [143]=terminated)
cat "$folder/summary.md" >> "$GITHUB_STEP_SUMMARY"
{
  echo "verdict=${verdicts[$code]:-unknown}"
  echo "exit-code=$code"
  echo "comparison=$comparison"
  echo "base=$(git rev-parse --verify --quiet --end-of-options "$base^{commit}" || true)"
  echo "head=$(git rev-parse --verify --quiet --end-of-options "$head^{commit}" || true)"
} >> "$GITHUB_OUTPUT"

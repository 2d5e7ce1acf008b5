#!/usr/bin/env bash
# Builds the collection into the folder named and checks what the archive holds:
#   tests/sanity/artifact.sh FOLDER
set -euo pipefail
out=$(cd "${1:?usage: artifact.sh FOLDER}" && pwd)
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# All that may be shipped. It is written here a second time, not read from galaxy.yml: whatever is new
# at the top is either named here or in galaxy.yml's build_ignore, on purpose.
shipped=(CHANGELOG.md CHANGELOG.rst LICENSE README.md changelogs docs files meta playbooks plugins requirements.txt roles)

# HOME, because ansible-galaxy makes folders there.
HOME="$tmp" .venv/bin/ansible-galaxy collection build --output-path "$tmp" . >"$tmp/log" 2>&1 \
  || { cat "$tmp/log" >&2; exit 1; }
archive=$(echo "$tmp"/*.tar.gz)

# The archive holds what git knows of these, and nothing else: no file left out, no forgotten ignored file.
# (A file that is deleted but not yet committed is no longer expected.)
git ls-files -co --exclude-standard -- "${shipped[@]}" | while IFS= read -r file; do
  if [ -e "$file" ]; then echo "$file"; fi
done | LC_ALL=C sort -u >"$tmp/expected"
tar -tzf "$archive" | grep -v -e '/$' -e '^MANIFEST\.json$' -e '^FILES\.json$' | LC_ALL=C sort >"$tmp/actual"
if ! diff "$tmp/expected" "$tmp/actual" >"$tmp/diff"; then
  echo "The archive differs from the checkout ('<' is missing in it, '>' must not be in it):" >&2
  grep '^[<>]' "$tmp/diff" >&2
  exit 1
fi
if ! grep -qx README.md "$tmp/actual"; then
  echo "README.md is missing: the build does not mind, Galaxy does." >&2
  exit 1
fi
# git may well know these, and yet nobody who installs the collection wants them.
if grep -E '(^|/)(\.[^/]*|tests?|molecule|inventor(y|ies)|__pycache__)(/|$)' "$tmp/actual" \
  | grep -v -E '^plugins/(inventory|test)/' >&2; then
  echo "The archive must not hold the files above." >&2
  exit 1
fi
mv -f "$archive" "$out/"
echo "$out/${archive##*/}: $(wc -l <"$tmp/actual" | tr -d ' ') files, as in the checkout."

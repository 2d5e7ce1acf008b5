#!/usr/bin/env bash
# Tests what a user installs: builds the collection, unpacks it, and runs the checks of antsibull-docs and
# ansible-test on it. Arguments go to ansible-test: tests/sanity/run.sh --test pylint
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
venv="$PWD/.venv"
tmp=$(mktemp -d)
# What is left of an interrupted tool goes as well. A job in the background does not hear an interrupt.
export TMPDIR="$tmp"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# ansible-test makes one venv per test in ~/.ansible and keeps it. This folder is its home, and it goes
# with .venv, on whose Python those venvs rest.
home="$venv/.sanity"
requirements=$("$venv/bin/python" -c 'import ansible_test as t; print(t.__path__[0])')/_data/requirements
# The pip that ansible-test insists on, in every venv.
pip=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$requirements/../../_internal/python_requirements.py")
{ echo "pip==$pip"; grep -hv '^#' "$requirements"/sanity.*.txt; } | sort -u >"$tmp/requirements.txt"
if ! cmp -s "$tmp/requirements.txt" "$home/requirements.txt"; then
  # ansible-test hides the PIP_ and proxy variables from pip, and fetches pip itself from a host that may be out
  # of reach. So the wheels are fetched here, with the settings of whoever runs this, and ansible-test finds
  # them in a folder. With a venv of its own, because uv puts no pip into .venv.
  echo "Fetching what ansible-test needs into ${home#"$PWD/"} (once) ..."
  rm -rf "$home"
  "$venv/bin/python" -m venv "$home/pip"
  "$home/pip/bin/pip" wheel --quiet --quiet --disable-pip-version-check --no-cache-dir \
    --wheel-dir "$home/wheels" -r "$tmp/requirements.txt"
  mkdir -p "$home/.config/pip" "$home/.ansible/test/cache"
  # As an address, for pip would split a path at its spaces.
  wheels=$("$venv/bin/python" -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$home/wheels")
  printf '[global]\nno-index = true\nfind-links = %s\nquiet = 1\n' "$wheels" >"$home/.config/pip/pip.conf"
  # ansible-test downloads no pip when it finds this script. A wheel of pure Python is installed by unpacking it.
  cat >"$home/.ansible/test/cache/get_pip_${pip//./_}.py" <<STUB
import sysconfig, zipfile
zipfile.ZipFile(r"$home/wheels/pip-$pip-py3-none-any.whl").extractall(sysconfig.get_path("purelib"))
STUB
  cp "$tmp/requirements.txt" "$home/"
fi

"$here/artifact.sh" "$tmp"
collection="$tmp/ansible_collections/algotrading/aws"
mkdir -p "$collection/tests"
tar -xzf "$tmp"/*.tar.gz -C "$collection"
# ansible-test reads it, and the archive does not hold it.
cp tests/config.yml "$collection/tests/"
# ansible-test's venvs do not see .venv's collections.
installed=$("$venv/bin/python" -c 'import ansible_collections as c; print(c.__path__[0])')
ln -s "$installed/amazon" "$installed/community" "$tmp/ansible_collections/"

# From here on, nothing counts of the user's own settings, nor of a git hook that runs this.
unset "${!ANSIBLE_@}" "${!GIT_@}"
export HOME="$home" PATH="$venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$tmp"
# antsibull-docs copies what git knows: of amazon.aws that would be nothing, as .venv is ignored in this checkout.
export GIT_CEILING_DIRECTORIES="$venv"
cd "$collection"
# ansible-test takes the files that git names, and would otherwise ask a repository further up.
git init --quiet
echo /tests/output >.git/info/exclude

# Both at once: each takes ten seconds and more, on one core.
antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs dependent \
  --disallow-unknown-collection-refs --check-extra-docs-refs . >"$tmp/docs.log" 2>&1 &
docs=$!
status=0
ansible-test sanity --color no --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$@" \
  2>&1 | tee "$tmp/sanity.log" || status=1
# ansible-test only warns when a test cannot run, for example without Python's venv or without shellcheck.
if grep -E '^WARNING: (.*Skipping|Required program|Ignoring)' "$tmp/sanity.log" | sort -u | sed 's/^WARNING/ERROR/' >&2; then
  status=1
fi
echo "Running antsibull-docs lint-collection-docs"
wait "$docs" || status=1
cat "$tmp/docs.log"
if [ "$status" -ne 0 ]; then
  echo "ansible-test or antsibull-docs found faults: see above." >&2
fi
exit "$status"

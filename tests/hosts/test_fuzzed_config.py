# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""deployment_config.txt keeps what it says through run.sh, which writes it anew at each start and runs none of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried
from tests.hosts.conftest import BUCKET
from tests.hosts.host import Host

# As files/user_data.sh.j2 and run.sh write it, whatever the locale.
WRITE = 'shift; for value; do printf \'k%s=%q\\n\' "$((number++))" "$value"; done'
READ = (
    "source ./deployment_config.txt; "
    "for ((number = 0; number < $1; number++)); do name=k$number; printf '%s\\0' \"${!name}\"; done"
)


def _bash(script: str, home: Path, locale: str, *arguments: str) -> bytes:
    environ = {"PATH": os.environ["PATH"], "LC_ALL": locale}
    command = [*map(str.encode, ("bash", "-c", script, "-", *arguments))]
    return subprocess.run(command, env=environ, cwd=home, check=True, capture_output=True).stdout


@given(st.lists(hostile_text(), min_size=60, max_size=60), st.sampled_from(["C", "C.UTF-8"]))
@tried(4)
def test_values_come_through(trader: Host, values: list[str], locale: str) -> None:
    """Seen to fail with %s for %q in config_text(), and with `eval` for every value in load_config()."""
    config = trader.home / "deployment_config.txt"
    written = _bash(WRITE, trader.home, locale, "", *values)
    config.write_bytes(f"bucket_name={BUCKET}\ngit_branch=main\n".encode() + written)
    for action in ("start", "start"):
        run = trader.run(action)
        assert run.status == 0, run.output
        found = _bash(READ, trader.home, "C", str(len(values))).decode()
        wrong = [(said, value) for said, value in zip(found.split("\0"), values, strict=False) if said != value]
        assert wrong == []
    assert not [path for path in (*trader.home.rglob("pwned"), Path("/pwned")) if path.exists()]


@given(st.lists(hostile_text(without="\r\n"), min_size=60, max_size=60))
@tried(2)
def test_what_was_never_quoted_is_not_run(trader: Host, values: list[str]) -> None:
    """As a person or the old stack may have written it. Seen to fail with `eval` for all of it, and for `~` too."""
    values = [*values, "~/x:~/y"]
    config = trader.home / "deployment_config.txt"
    lines = "".join(f"k{number}={value}\n" for number, value in enumerate(values))
    config.write_text(f"bucket_name={BUCKET}\ngit_branch=main\n{lines}")
    assert trader.run("start").status == 0
    first = _bash(READ, trader.home, "C", str(len(values)))
    assert first.endswith(b"\0~/x:~/y\0")
    assert trader.run("start").status == 0
    assert _bash(READ, trader.home, "C", str(len(values))) == first
    assert not [path for path in (*trader.home.rglob("pwned"), Path("/pwned")) if path.exists()]

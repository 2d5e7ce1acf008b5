# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests with hypothesis share: texts that mean harm, and how many of them are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Test = TypeVar("Test", bound=Callable[..., object])

# Each means something to a shell, to JSON, YAML, Jinja, a URL, a file system or a policy.
_HARM = [
    *"'\"`$\\;&|<>(){}[]*?~#!%^:,=@+- \t\r\n",
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "${IFS}",
    "\\'",
    "$'\\n'",
    "EOF",
    "../",
    "/",
    "{{ 6 * 7 }}",
    "{% raw %}",
    "{# x #}",
    "${aws:username}",
    "!!python/object",
    "&a *a",
    "- x",
    "null",
    "yes",
    "1e3",
    "0x1F",
    "2099-02-02",
    "%s%n",
    "\x1b[31m",
    "\x7f",
    "\u202e",
    "\u2028",
    "\ufeff",
    "模型",
    "é",
    "\U0001f680",
]


def hostile_text(*, without: str = "") -> SearchStrategy[str]:
    """Texts that are made of harm and of anything else. Neither an argument nor a variable can hold NUL."""
    anything = st.text(st.characters(exclude_characters="\0" + without, exclude_categories=["Cs"]), max_size=8)
    harm = [each for each in _HARM if not set(each) & set(without)]
    return st.lists(st.sampled_from(harm) | anything, max_size=5).map("".join)


def tried(examples: int) -> Callable[[Test], Test]:
    """Try the same examples in each run, however long one takes.

    One that fails is shown as it is, as some take too long to look for a smaller one.
    """
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

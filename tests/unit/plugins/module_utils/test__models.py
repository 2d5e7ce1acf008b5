# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a model is."""

from __future__ import annotations

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._models import (
    MAX_NAME_LENGTH,
    Model,
    is_file,
)
from ansible_collections.algotrading.aws.plugins.module_utils._naming import trader_name

NUMBER = "soxl_long-outer_11_inner_48"
NOT_NAMED = "is not named NAME-outer_N_inner_N"
NOT_SAFE = "has a name with other characters than letters, digits and ._+=@-"
TOO_LONG = "has a name longer than 200 characters"


def problem_of(model_type: str = "long", symbol: str = "SOXL", model_number: str = NUMBER) -> str | None:
    return Model(model_type, symbol, model_number).problem()


@pytest.mark.parametrize(
    "number", [NUMBER, "x-outer_1_inner_1", "x-outer_007_inner_0", "a.b+c=d@e-outer_1_inner_2-outer_3_inner_4"]
)
def test_a_model_is_named_by_its_outer_and_inner_number(number: str) -> None:
    assert problem_of(model_number=number) is None


@pytest.mark.parametrize(
    "number",
    [
        f"{NUMBER}_v2",
        f"{NUMBER}.bak",
        f"{NUMBER} ",
        f"{NUMBER}\n",
        "-outer_1_inner_1",
        "soxl_long-outer__inner_48",
        "soxl_long-outer_11_inner_",
        "soxl_long-outer_11-inner_48",
        "soxl_long_outer_11_inner_48",
        "soxl_long-outer_1a_inner_48",
        "soxl_long-outer_११_inner_48",
        "soxl_long-Outer_11_inner_48",
        "a/b-outer_1_inner_1",
        "",
    ],
)
def test_a_near_miss_is_no_model(number: str) -> None:
    assert problem_of(model_number=number) == NOT_NAMED


@pytest.mark.parametrize(
    "part",
    [
        "$(touch pwned)",
        "`touch pwned`",
        "a;b",
        "a b",
        "a'b",
        'a"b',
        "a\nb",
        "a\tb",
        "a\x1b[31m",
        "a\\b",
        "a&b",
        "a|b",
        "{{ a }}",
        "a*",
        "~a",
        "-rf",
        ".",
        "..",
        ".hidden",
        "_index",
        "a/b",
        "modèle",
        "模型",
        "",
    ],
)
@pytest.mark.parametrize("where", ["model_type", "symbol", "model_number"])
def test_a_name_that_is_not_safe_everywhere_is_no_model(where: str, part: str) -> None:
    value = f"{part}-outer_1_inner_1" if where == "model_number" else part
    assert problem_of(**{where: value}) in (NOT_SAFE, NOT_NAMED)


def test_all_three_parts_together_are_as_long_as_a_tag_allows() -> None:
    rest = len(Model("long", "SOXL", "-outer_1_inner_1").prefix)
    longest = Model("long", "SOXL", "x" * (MAX_NAME_LENGTH - rest) + "-outer_1_inner_1")
    assert longest.problem() is None
    assert len(trader_name("prod", *longest.to_dict().values())) <= 256
    assert problem_of(model_number=f"x{longest.model_number}") == TOO_LONG


def test_a_model_takes_its_parts_from_a_dictionary_that_holds_more() -> None:
    parts = {"model_type": "long", "symbol": "SOXL", "model_number": NUMBER, "prefix": "models/long/SOXL/x/"}
    model = Model.from_dict(parts)
    assert model == Model("long", "SOXL", NUMBER)
    assert model.prefix == f"long/SOXL/{NUMBER}/"
    assert model.to_dict() == {"model_type": "long", "symbol": "SOXL", "model_number": NUMBER}


@pytest.mark.parametrize(
    ("key", "expected"), [("a/model.pkl", True), ("a/logs", True), ("a/", False), ("a/logs/", False)]
)
def test_the_marker_of_a_folder_is_no_file(key: str, expected: bool) -> None:
    assert is_file(key) is expected

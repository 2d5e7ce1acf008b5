# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever lies in a bucket: what s3_models calls a model is safe everywhere, and the rest is named in a warning."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display
from ansible_collections.algotrading.aws.plugins.module_utils._models import Model
from ansible_collections.algotrading.aws.plugins.module_utils._naming import trader_name
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried
from tests.unit.plugins.support import REGION, Account

BUCKET = "algo-model-deploy"
# As they should be, as they nearly are, and as they should not be; at most one part of a model is not as it should be.
_GOOD = st.sampled_from(["long", "SOXL", "BRK.B", "a+b=c@d_e-f", "x" * 100])
_BAD = st.sampled_from([".hidden", "-rf", ".."]) | hostile_text() | st.builds("{}{}".format, _GOOD, hostile_text())
_GOOD_NUMBER = st.builds("{}-outer_{}_inner_{}".format, _GOOD, st.integers(0), st.integers(0))
_BAD_NUMBER = st.builds("{}-outer_{}_inner_{}".format, _BAD, st.integers(), st.integers()) | _BAD
_MODELS = (
    st.builds(Model, _GOOD, _GOOD, _GOOD_NUMBER)
    | st.builds(Model, _BAD, _GOOD, _GOOD_NUMBER)
    | st.builds(Model, _GOOD, _BAD, _GOOD_NUMBER)
    | st.builds(Model, _GOOD, _GOOD, _BAD_NUMBER | st.builds("{}{}".format, _GOOD_NUMBER, _BAD))
)


@given(_MODELS)
@tried(300)
def test_a_model_s_name_is_safe_wherever_it_goes(model: Model) -> None:
    """Seen to fail with SAFE_NAME as `.+`, with `match` for `fullmatch`, and with a MAX_NAME_LENGTH of 400."""
    if model.problem():
        return
    parts = model.to_dict()
    for part in parts.values():
        assert shlex.quote(part) == part, "a shell takes it for one word"
        assert PurePosixPath(part).parts == (part,)
        assert part not in (".", "..")
        assert not part.startswith(("-", "."))
        assert re.fullmatch(r"[A-Za-z0-9 +=._:/@-]{1,256}", part), "a tag's value in every service"
    assert json.loads(json.dumps(parts)) == parts
    assert yaml.safe_load(yaml.safe_dump(parts)) == parts
    assert len(trader_name("prod", **parts)) <= 256


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _display, text, *_args, **_options: said.append(text))
    return said


@given(st.lists(_MODELS, min_size=10, max_size=20))
@tried(8)
def test_each_folder_is_a_model_or_is_named(aws: Account, warnings: list[str], models: list[Model]) -> None:
    """Seen to fail with the warnings taken out of the lookup's run(), and with repr() for json.dumps() in them."""
    aws.reset()
    warnings.clear()
    aws.client("s3").create_bucket(Bucket=BUCKET)
    # S3 takes keys of 1024 bytes; a folder without a name, and one more level, are no model's.
    keys = {key for model in models if len((key := f"models/{model.prefix}m.pkl").encode()) < 1000 and "\r" not in key}
    aws.put_many(BUCKET, sorted(keys))
    (found,) = lookup_loader.get("algotrading.aws.s3_models").run([BUCKET], variables={}, region=REGION)
    assert all(Model.from_dict(each).problem() is None for each in found)
    named = [json.loads(text) for said in warnings for text in re.findall(r'"(?:[^"\\]|\\.)*"', said)]
    for said in warnings:
        assert said.isprintable()
    for key in keys:
        owners = [each for each in found if key.startswith(each["prefix"])]
        assert owners or [text for text in named if key.startswith(text)], key


def test_a_template_in_a_name_is_no_template(
    aws: Account, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that were not refused would not be evaluated either.

    This is ansible-core's own defence, tested against an upgrade that loses it: even a lookup that marked its result as
    trusted was not seen to be evaluated.
    """
    monkeypatch.setattr(Model, "problem", lambda _model: None)
    name = "{{ 6 * 7 }}-outer_1_inner_1"
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"models/long/SOXL/{name}/model.pkl")
    assert _templated("{{ lookup('algotrading.aws.s3_models', bucket, region=region)[0].model_number }}") == name
    assert _templated("{{ lookup('algotrading.aws.s3_models', bucket, region=region) | to_json | from_json }}")[0][
        "prefix"
    ] == (f"models/long/SOXL/{name}/")


def _templated(text: str) -> Any:
    """What Ansible makes of a template, and then of the template's result, as it does of a variable's."""
    variables = {"bucket": BUCKET, "region": REGION, "shown": trust_as_template(text)}
    return Templar(DataLoader(), variables).template(trust_as_template("{{ shown }}"))

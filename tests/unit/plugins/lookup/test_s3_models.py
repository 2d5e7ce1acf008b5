# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookup s3_models, found and run as Ansible does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.utils.display import Display

from tests.local_aws.seed_models import HOSTILE_KEYS, model_keys, model_names, near_miss_keys
from tests.unit.plugins.support import REGION, Account, Disturbance

BUCKET = "algo-model-deploy"
SOXL = "models/long/SOXL"
NUMBER = "soxl_long-outer_11_inner_48"
FOLDER = f"{SOXL}/{NUMBER}/"
FOUND = {"model_type": "long", "symbol": "SOXL", "model_number": NUMBER, "prefix": FOLDER}


class Bucket:
    """The bucket, and the lookup applied to it."""

    def __init__(self, aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.s3 = aws.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.warnings: list[str] = []
        monkeypatch.setattr(Display, "warning", lambda _display, text, *_args, **_options: self.warnings.append(text))

    def put(self, *keys: str) -> None:
        self.aws.put_many(BUCKET, list(keys))

    def lookup(self, *buckets: str, **options: Any) -> list[list[dict[str, str]]]:
        self.warnings.clear()
        self.aws.forget_calls()
        plugin = lookup_loader.get("algotrading.aws.s3_models")
        return plugin.run(list(buckets or [BUCKET]), variables={}, **{"region": REGION, **options})

    def models(self, **options: Any) -> list[dict[str, str]]:
        (found,) = self.lookup(**options)
        return found

    def numbers(self) -> list[str]:
        return [model["model_number"] for model in self.models()]


@pytest.fixture
def bucket(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket(aws, monkeypatch)


def names(models: Iterable[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(model["model_type"], model["symbol"], model["model_number"]) for model in models]


def test_one_model_is_found_with_its_parts_and_its_folder(bucket: Bucket) -> None:
    bucket.put(f"{FOLDER}model.pkl")
    assert bucket.models() == [FOUND]
    assert bucket.warnings == []


def test_each_bucket_has_its_own_list(bucket: Bucket) -> None:
    bucket.s3.create_bucket(Bucket="other")
    bucket.put(f"{FOLDER}model.pkl")
    assert bucket.lookup(BUCKET, "other") == [[FOUND], []]


def test_sixty_models_in_1800_keys_are_all_found_in_few_requests(bucket: Bucket) -> None:
    bucket.put(*model_keys(60, symbols=3, objects=30))
    found = bucket.models()
    assert names(found) == sorted(model_names(60, symbols=3))
    # 2 types, with 3 symbols each.
    assert set(bucket.aws.counts()) == {"ListObjectsV2"}
    assert len(bucket.aws.calls()) <= 60 + 6 + 2 + 1


@pytest.mark.parametrize("objects", [1, 40])
def test_the_number_of_requests_does_not_grow_with_the_objects_of_a_model(bucket: Bucket, objects: int) -> None:
    bucket.put(*model_keys(4, symbols=2, objects=objects))
    assert len(bucket.models()) == 4
    assert bucket.aws.counts() == {"ListObjectsV2": 4 + 4 + 2 + 1}


def test_a_folder_of_more_than_1000_keys_hides_nothing_behind_it(bucket: Bucket, disturbance: Disturbance) -> None:
    # Pages of 20 are pages of 1000, without the minute that it takes to fill these.
    bucket.put(*(f"{SOXL}/a{number:02}.txt" for number in range(50)), f"{FOLDER}model.pkl")
    disturbance.rewrite("list-type=2", "list-type=2&max-keys=20")
    assert bucket.models() == [FOUND]
    assert bucket.aws.counts() == {"ListObjectsV2": 1 + 1 + 3 + 1}


def test_models_are_sorted_by_type_symbol_and_number(bucket: Bucket) -> None:
    keys = ["short/AAPL/a", "long/TQQQ/b", "long/SOXL/c", "long/SOXL/B"]
    bucket.put(*(f"models/{key}-outer_1_inner_1/m.pkl" for key in keys))
    assert bucket.numbers() == [f"{number}-outer_1_inner_1" for number in "Bcba"]


def test_near_misses_are_left_out_with_warnings_that_name_them(bucket: Bucket) -> None:
    bucket.put(f"{FOLDER}model.pkl", *near_miss_keys())
    assert bucket.models() == [FOUND]
    assert bucket.warnings == [
        f"In bucket '{BUCKET}', left out because it holds nothing but logs and trades: "
        f'"{SOXL}/soxl_long-outer_90_inner_90/"',
        f"In bucket '{BUCKET}', left out because it is a file beside the folders of models: "
        f'"{SOXL}/soxl_long-outer_11_inner_99.pkl"',
        f"In bucket '{BUCKET}', left out because it is not named NAME-outer_N_inner_N: "
        f'"{FOLDER[:-1]}.bak/", "{FOLDER[:-1]}_v2/"',
    ]


def test_hostile_names_are_left_out_with_warnings_that_name_them(bucket: Bucket) -> None:
    bucket.put(f"{FOLDER}model.pkl", *HOSTILE_KEYS)
    assert bucket.models() == [FOUND]
    text = "\n".join(bucket.warnings)
    for part in ("$(touch pwned)/x-outer_1_inner_1/", "`touch pwned`", "it's", "two words", "..-outer", "-rf-outer"):
        assert part in text
    assert text.count('"models/') == len(HOSTILE_KEYS)


def test_control_characters_reach_no_terminal_through_a_warning(bucket: Bucket) -> None:
    bucket.put(*(f"{SOXL}/x{character}y-outer_1_inner_1/m.pkl" for character in "\x1b\n\r\t\x08\x7f\x9b\u202e"))
    assert bucket.models() == []
    assert len(bucket.warnings) == 1
    assert bucket.warnings[0].isprintable()
    assert "\\u001b" in bucket.warnings[0]


def test_a_warning_names_twenty_and_counts_the_rest(bucket: Bucket) -> None:
    bucket.put(*(f"{SOXL}/near-miss-{number:02}/model.pkl" for number in range(23)))
    assert bucket.models() == []
    (warning,) = bucket.warnings
    assert warning.endswith(f'"{SOXL}/near-miss-19/" and 3 more')
    assert "near-miss-20" not in warning


@pytest.mark.parametrize("key", ["logs/app.log", "trades/trades_2026-02-02.csv"])
def test_a_model_does_not_live_on_by_its_own_output(bucket: Bucket, key: str) -> None:
    bucket.put(FOLDER + key)
    assert bucket.models() == []
    assert f'holds nothing but logs and trades: "{FOLDER}"' in bucket.warnings[0]


@pytest.mark.parametrize("key", ["weights/part-0001.bin", "logs.txt", "old/logs/app.log"])
def test_an_object_anywhere_else_in_the_folder_is_a_model(bucket: Bucket, key: str) -> None:
    bucket.put(FOLDER + key)
    assert bucket.models() == [FOUND]


@pytest.mark.parametrize("marker", ["", "logs/", "trades/", "weights/"])
def test_a_folder_marker_of_the_console_is_no_model(bucket: Bucket, marker: str) -> None:
    bucket.put(FOLDER + marker)
    assert bucket.models() == []


def test_folder_markers_of_the_console_do_no_harm_on_any_level(bucket: Bucket) -> None:
    bucket.put("models/", "models/long/", f"{SOXL}/", FOLDER, f"{FOLDER}logs/", f"{FOLDER}model.pkl")
    assert bucket.models() == [FOUND]
    assert bucket.warnings == []


@pytest.mark.parametrize(
    "key",
    [
        f"models//SOXL/{NUMBER}/m.pkl",
        f"models/long//{NUMBER}/m.pkl",
        f"{SOXL}//m.pkl",
        "models///m.pkl",
        "models////m.pkl",
        "models//m.pkl",
    ],
)
def test_an_empty_part_of_a_key_is_no_part_of_a_model(bucket: Bucket, key: str) -> None:
    bucket.put(f"{FOLDER}model.pkl", key)
    assert bucket.models() == [FOUND]
    assert len(bucket.warnings) == 1


def test_output_behind_two_slashes_is_still_output(bucket: Bucket) -> None:
    bucket.put(f"{FOLDER}/model.pkl")
    assert bucket.models() == [FOUND]


def test_what_lies_beside_the_models_is_not_looked_at(bucket: Bucket) -> None:
    bucket.put(f"{FOLDER}model.pkl", "configs/config.json", f"models-old/long/SOXL/{NUMBER}/model.pkl", "models")
    assert bucket.models() == [FOUND]
    assert bucket.warnings == []


def test_another_prefix_can_be_named(bucket: Bucket) -> None:
    bucket.put(f"v2/models/long/SOXL/{NUMBER}/model.pkl", f"{SOXL}/other-outer_1_inner_1/model.pkl")
    assert bucket.models(prefix="v2/models/") == [{**FOUND, "prefix": f"v2/{FOLDER}"}]


def test_a_prefix_that_is_no_folder_is_refused(bucket: Bucket) -> None:
    with pytest.raises(AnsibleLookupError, match="The prefix 'models' is not a folder: end it with a slash"):
        bucket.lookup(prefix="models")
    assert bucket.aws.calls() == []


def test_an_empty_bucket_has_no_models(bucket: Bucket) -> None:
    assert bucket.models() == []
    assert bucket.warnings == []


def test_a_missing_bucket_is_an_error_and_no_empty_list(bucket: Bucket) -> None:
    with pytest.raises(AnsibleLookupError, match="The bucket 'no-such-bucket' does not exist: create it, or name"):
        bucket.lookup("no-such-bucket")


def test_forbidden_credentials_are_an_error_and_no_empty_list(bucket: Bucket, stranger: dict[str, str]) -> None:
    bucket.put(f"{FOLDER}model.pkl")
    with pytest.raises(AnsibleLookupError, match="may not be listed with these credentials: grant s3:ListBucket on it"):
        bucket.lookup(**stranger)


@pytest.mark.parametrize("level", ["prefix=models%2Flong%2F&", "prefix=models%2Flong%2FSOXL%2F&", f"{NUMBER}%2F&"])
def test_what_may_not_be_listed_on_a_deeper_level_is_an_error_too(
    bucket: Bucket, disturbance: Disturbance, level: str
) -> None:
    bucket.put(f"{FOLDER}model.pkl")
    disturbance.fail("list-type=2", level, code="AccessDenied")
    with pytest.raises(AnsibleLookupError, match="may not be listed"):
        bucket.lookup()


def test_unknown_credentials_are_an_error_and_no_empty_list(bucket: Bucket) -> None:
    wrong = {"access_key": "unknown", "secret_key": "unknown"}
    with pytest.raises(AnsibleLookupError, match=f"Failed to list the models in bucket '{BUCKET}': .*InvalidAccessKey"):
        bucket.lookup(**wrong)


@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_are_an_error_and_no_empty_list(bucket: Bucket) -> None:
    with pytest.raises(AnsibleLookupError, match="Unable to locate credentials"):
        bucket.lookup()


def test_an_error_on_a_later_page_is_an_error(bucket: Bucket, disturbance: Disturbance) -> None:
    bucket.put(*(f"{SOXL}/a{number:02}.txt" for number in range(30)))
    disturbance.fail("list-type=2", "continuation-token", code="AccessDenied")
    disturbance.rewrite("list-type=2", "list-type=2&max-keys=20")
    with pytest.raises(AnsibleLookupError, match="may not be listed"):
        bucket.lookup()


@pytest.mark.usefixtures("no_credentials")
def test_the_options_win_over_the_environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = bucket.aws.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    named = {"access_key": "local", "secret_key": "local"}
    assert bucket.models(endpoint_url=endpoint, **named) == []

# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models in a bucket: ordinary ones, near misses, and names made to do harm."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.local_aws.clients import Client

SYMBOLS = ("SOXL", "TQQQ", "SPXL", "TECL", "FNGU", "UPRO", "LABU", "TNA", "FAS", "UDOW", "NVDL", "TSLL")
TYPES = ("long", "short")

HOSTILE_KEYS = [
    "models/long/$(touch pwned)/x-outer_1_inner_1/m.pkl",
    "models/long/SOXL/$(touch pwned)-outer_1_inner_1/m.pkl",
    "models/long/SOXL/`touch pwned`-outer_1_inner_2/m.pkl",
    "models/long/SOXL/x;touch pwned;-outer_1_inner_3/m.pkl",
    "models/long/SOXL/it's-outer_1_inner_4/m.pkl",
    'models/long/SOXL/say "hi"-outer_1_inner_5/m.pkl',
    "models/long/SOXL/two words-outer_1_inner_6/m.pkl",
    "models/long/SOXL/line\nbreak-outer_1_inner_7/m.pkl",
    "models/long/SOXL/..-outer_1_inner_8/m.pkl",
    "models/long/../x-outer_1_inner_9/m.pkl",
    "models/$(touch pwned)/SOXL/x-outer_1_inner_10/m.pkl",
    "models/long/SOXL/a&b|c>d-outer_1_inner_11/m.pkl",
    "models/long/SOXL/back\\slash-outer_1_inner_12/m.pkl",
    "models/long/SOXL/{{ lookup('pipe', 'touch pwned') }}-outer_1_inner_13/m.pkl",
    "models/long/SOXL/-rf-outer_1_inner_14/m.pkl",
    f"models/long/SOXL/{'x' * 300}-outer_1_inner_15/m.pkl",
    "models/long/SOXL/modèle-outer_1_inner_16/m.pkl",
    "models/long/SOXL/模型-outer_1_inner_17/m.pkl",
]


def model_names(models: int, symbols: int = 3) -> list[tuple[str, str, str]]:
    """Return `models` triples (type, symbol, number), spread evenly over the symbols."""
    if not 1 <= symbols <= len(SYMBOLS):
        raise ValueError(f"symbols must be 1 to {len(SYMBOLS)}, not {symbols}")
    names = []
    for index in range(models):
        symbol = SYMBOLS[index % symbols]
        turn = index // symbols
        model_type = TYPES[turn % len(TYPES)]
        names.append((model_type, symbol, f"{symbol.lower()}_{model_type}-outer_{11 + turn}_inner_{48 + turn}"))
    return names


def folder_keys(model_type: str, symbol: str, model_number: str, objects: int = 1) -> list[str]:
    """Return the keys of one model's folder: the model first, its own logs and trades next."""
    folder = f"models/{model_type}/{symbol}/{model_number}/"
    own = ["model.pkl", "logs/app.log", "trades/trades_2026-02-02.csv"]
    own += [f"weights/part-{number:04}.bin" for number in range(objects - len(own))]
    return [folder + name for name in own[:objects]]


def model_keys(models: int, symbols: int = 3, objects: int = 3) -> list[str]:
    """Return the keys of all ordinary models."""
    return [key for name in model_names(models, symbols) for key in folder_keys(*name, objects=objects)]


def near_miss_keys() -> list[str]:
    """Return keys that nearly are models, and must not become servers."""
    symbol = "models/long/SOXL"
    return [
        f"{symbol}/soxl_long-outer_11_inner_48_v2/model.pkl",
        f"{symbol}/soxl_long-outer_11_inner_48.bak/model.pkl",
        f"{symbol}/soxl_long-outer_11_inner_99.pkl",
        f"{symbol}/soxl_long-outer_90_inner_90/logs/app.log",
    ]


def put_model(s3: Client, bucket: str, model_type: str, symbol: str, model_number: str, objects: int = 1) -> None:
    """Upload one model."""
    _put(s3, bucket, folder_keys(model_type, symbol, model_number, objects))


def delete_model(s3: Client, bucket: str, model_type: str, symbol: str, model_number: str) -> None:
    """Delete everything in one model's folder."""
    for key in _keys(s3, bucket, f"models/{model_type}/{symbol}/{model_number}/"):
        s3.delete_object(Bucket=bucket, Key=key)


def put_missing(s3: Client, bucket: str, keys: Iterable[str]) -> None:
    """Upload the keys that the bucket does not have yet."""
    there = set(_keys(s3, bucket, ""))
    _put(s3, bucket, [key for key in keys if key not in there])


def _keys(s3: Client, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _put(s3: Client, bucket: str, keys: list[str]) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"local\n"), keys))

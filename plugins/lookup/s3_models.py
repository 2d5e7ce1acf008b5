# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: s3_models
short_description: Find the trading models in S3 buckets
version_added: 0.1.0
author:
  - The algotrading.aws maintainers (!UNKNOWN)
description:
  - Finds the models in a bucket, each a folder C(PREFIX/MODEL_TYPE/SYMBOL/MODEL_NUMBER/) whose last part is named
    C(NAME-outer_N_inner_N) as a whole.
  - A folder counts only when it holds an object outside its C(logs/) and C(trades/), which the fleet writes itself. The
    empty objects by which the S3 console marks a folder do not count.
  - What nearly is a model is left out with a warning that names it, a file beside the model folders, a folder of
    another name, a folder with nothing but output, and a name that is not safe as a tag and as a file's name.
  - The bucket is walked folder by folder, so that the number of requests grows with the models and not with their
    objects. It takes one request per model, one per symbol and one per model type, 10 of them at a time.
options:
  _terms:
    description: The names of the buckets.
    required: true
    type: list
    elements: str
  prefix:
    description: The folder of all models, with its closing slash.
    type: str
    default: models/
notes:
  - A bucket that does not exist, or that may not be read, is an error and never an empty list.
  - The caller needs C(s3:ListBucket) on the bucket.
extends_documentation_fragment:
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
"""

EXAMPLES = r"""
- name: Show the models of one bucket
  ansible.builtin.debug:
    msg: "{{ item.symbol }} {{ item.model_type }}: {{ item.model_number }}"
  loop: "{{ lookup('algotrading.aws.s3_models', 'algo-model-deploy', region='us-east-1') }}"
"""

RETURN = r"""
_raw:
  description:
    - One list of models per bucket, sorted. With one bucket, Jinja's C(lookup) gives the list itself.
  type: list
  elements: list
  sample:
    - - model_type: long
        symbol: SOXL
        model_number: soxl_long-outer_11_inner_48
        prefix: models/long/SOXL/soxl_long-outer_11_inner_48/
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

try:
    import botocore
except ImportError:
    pass  # AWSLookupBase says that boto3 is missing

from ansible_collections.algotrading.aws.plugins.module_utils._models import OUTPUT_FOLDERS, Model, is_file
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.plugin_utils.lookup import AWSLookupBase

# As many as a client of botocore keeps connections.
WORKERS = 10
# A warning names this many of a kind, and counts the rest.
NAMED_IN_WARNING = 20


@dataclass
class Folder:
    """One level of a bucket: the files and folders directly in it, by their whole keys."""

    prefix: str
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


@dataclass
class Discovery:
    """What one walk through a bucket found: models, and what was left out, by the reason."""

    models: list[Model] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, keys: list[str], reason: str) -> None:
        if keys:
            self.left_out.setdefault(reason, []).extend(keys)

    def warnings(self) -> list[str]:
        """One sentence per reason. Names are quoted as JSON, as a key may hold a terminal's control characters."""
        sentences = []
        for reason, keys in sorted(self.left_out.items()):
            named = ", ".join(json.dumps(key) for key in sorted(keys)[:NAMED_IN_WARNING])
            more = f" and {len(keys) - NAMED_IN_WARNING} more" if len(keys) > NAMED_IN_WARNING else ""
            sentences.append(f"left out because it {reason}: {named}{more}")
        return sentences


class BucketWalk:
    """Walks one bucket's models, level by level, the folders of a level at the same time."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self.paginator = client.get_paginator("list_objects_v2")
        self.bucket = bucket
        self.prefix = prefix

    def list_folder(self, prefix: str) -> Folder:
        folder = Folder(prefix)
        for page in self.paginator.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/"):
            folder.files += [entry["Key"] for entry in page.get("Contents", [])]
            folder.folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        return folder

    def discover(self) -> Discovery:
        found = Discovery()
        with ThreadPoolExecutor(WORKERS) as pool:
            types = self.list_folder(self.prefix)
            symbols = list(pool.map(self.list_folder, types.folders))
            models = list(pool.map(self.list_folder, _folders_in(symbols)))
            candidates = self._candidates(_folders_in(models), found)
            folders = pool.map(self.list_folder, candidates)
            for (prefix, model), folder in zip(candidates.items(), folders, strict=True):
                if self._holds_a_model(folder):
                    found.models.append(model)
                else:
                    found.leave_out([prefix], "holds nothing but logs and trades")
        for level in [types, *symbols, *models]:
            strays = [key for key in level.files if is_file(key)]
            found.leave_out(strays, "is a file beside the folders of models")
        return found

    def _holds_a_model(self, folder: Folder) -> bool:
        """Say whether a folder holds a file other than the fleet's own output, be it in a folder of its own."""
        others = [prefix for prefix in folder.folders if prefix[len(folder.prefix) :] not in OUTPUT_FOLDERS]
        return any(map(is_file, folder.files)) or any(map(self._holds_a_file, others))

    def _holds_a_file(self, prefix: str) -> bool:
        pages = self.paginator.paginate(Bucket=self.bucket, Prefix=prefix)
        return any(is_file(entry["Key"]) for page in pages for entry in page.get("Contents", []))

    def _candidates(self, prefixes: list[str], found: Discovery) -> dict[str, Model]:
        """Take the folders that are named as models, and leave the others out with the reason."""
        candidates = {}
        for prefix in prefixes:
            model = Model(*prefix[len(self.prefix) : -1].split("/"))
            problem = model.problem()
            if problem:
                found.leave_out([prefix], problem)
            else:
                candidates[prefix] = model
        return candidates


def _folders_in(levels: list[Folder]) -> list[str]:
    return [prefix for level in levels for prefix in level.folders]


class LookupModule(AWSLookupBase):
    """Finds the models of each bucket."""

    def run(self, terms: list[str], variables: Any, **kwargs: Any) -> list[list[dict[str, str]]]:
        super().run(terms, variables, **kwargs)
        prefix = self.get_option("prefix")
        if not prefix.endswith("/"):
            self._do_fail(f"The prefix '{prefix}' is not a folder: end it with a slash")
        return [self._models_of(bucket, prefix) for bucket in terms]

    def _models_of(self, bucket: str, prefix: str) -> list[dict[str, str]]:
        client = self.client("s3")
        try:
            found = BucketWalk(client, bucket, prefix).discover()
        except is_boto3_error_code("NoSuchBucket"):
            self._do_fail(f"The bucket '{bucket}' does not exist: create it, or name the one that holds the models")
        except is_boto3_error_code("AccessDenied"):
            self._do_fail(f"The bucket '{bucket}' may not be listed with these credentials: grant s3:ListBucket on it")
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            self.fail_aws(f"Failed to list the models in bucket '{bucket}'", exception=error)
        for sentence in found.warnings():
            self.warn(f"In bucket '{bucket}', {sentence}")
        return [{**model.to_dict(), "prefix": prefix + model.prefix} for model in sorted(found.models)]

# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long it takes to find the models in a large bucket."""

from __future__ import annotations

import json

from benchmarks.measure import BenchmarkError, Sample, Watch, measure
from benchmarks.phases import ENVIRONMENT
from tests.local_aws import LocalAws
from tests.local_aws.environment import REGION
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import SYMBOLS, folder_keys, model_names
from tests.playbook import BIN, REPOSITORY

MODELS = 500
OBJECTS = 1000

_LOOKUP = "{{ lookup('algotrading.aws.s3_models', '%s', region='%s') | length }} models"


def discover() -> Sample:
    """Return what it takes to have the lookup count the models, with the start of Ansible around it."""
    bucket = BUCKETS[ENVIRONMENT]
    with LocalAws() as aws:
        aws.client("s3").create_bucket(Bucket=bucket)
        models = model_names(MODELS, len(SYMBOLS))
        folders = [f"models/{'/'.join(model)}/" for model in models]
        aws.put_many(bucket, folders, [key.removeprefix(folders[0]) for key in folder_keys(*models[0], OBJECTS)])
        arguments = json.dumps({"msg": _LOOKUP % (bucket, REGION)})
        command = [str(BIN / "ansible"), "localhost", "-m", "ansible.builtin.debug", "-a", arguments]
        watch = Watch(aws)
        usage, output = measure(command, aws.environ, REPOSITORY)
        if f"{MODELS} models" not in output:
            raise BenchmarkError(f"the lookup did not find {MODELS} models:\n{output}")
        return watch.read(usage)

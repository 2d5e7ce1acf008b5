# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role iam's policies with any region, bucket and secret: those that a policy names as they are, or a refusal."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried
from tests.playbook import REPOSITORY

ROLE = REPOSITORY / "roles/iam"
NAMES = ("trading_region", "trading_bucket", "trading_secret_id")
USUAL = {"trading_region": "us-east-1", "trading_bucket": "algo-model-deploy", "trading_secret_id": "github/ssh-key"}


def _role(**given: str) -> Templar:
    loader = DataLoader()
    variables: dict[str, Any] = {"trading_environment": "qa", "iam_account_id": "123456789012"}
    for part in ("defaults", "vars"):
        variables |= loader.load_from_file(str(ROLE / part / "main.yml"), trusted_as_template=True)
    searched = {"ansible_search_path": [str(ROLE)], "trading_nats_auth": "token"}
    return Templar(loader, variables | searched | given)


def _is_refused(role: Templar) -> bool:
    """Ask the preflight's own conditions."""
    (check,) = [
        task["ansible.builtin.assert"]
        for task in yaml.safe_load((ROLE / "tasks/preflight.yml").read_text())
        if "ansible.builtin.assert" in task
    ]
    if all(role.evaluate_conditional(trust_as_template(each)) for each in check["that"]):
        return False
    assert role.template(trust_as_template(check["fail_msg"])).isprintable()
    return True


def _policies(role: Templar) -> str:
    """All roles and the bucket's statements, as JSON."""
    return json.dumps(role.template(trust_as_template("{{ [iam__roles, iam__bucket_statements] }}")), sort_keys=True)


EXPECTED = _policies(_role(**USUAL))


@given(
    st.sampled_from(NAMES),
    hostile_text() | st.builds("{}{}".format, st.sampled_from(list(USUAL.values())), hostile_text()),
)
@example("trading_secret_id", "")
@example("trading_secret_id", "*")
@example("trading_bucket", "?")
@example("trading_bucket", "algo-model-deploy\n")
@example("trading_bucket", "${aws:username}")
@example("trading_region", 'x", "Action": "*", "y": "')
@tried(60)
def test_a_name_is_a_name_in_every_policy(name: str, value: str) -> None:
    """Seen to fail with each of the preflight's three conditions taken away."""
    role = _role(**USUAL | {name: value})
    if _is_refused(role):
        return
    assert not set(value) & set('*?${}"\\\n'), "a policy would take it for more than a name"
    assert value
    assert _policies(role) == EXPECTED.replace(USUAL[name], value)

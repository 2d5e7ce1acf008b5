# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan in a module's words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    Instance,
    Policy,
    make_plan,
    make_removal,
)
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_report import (
    describe_actions,
    describe_drift,
    describe_resources,
    describe_servers,
    drift_warnings,
)

from tests.unit.plugins.module_utils.builders import RETIRED_AT, instance, server

LAUNCH = Launch("ami-new", "/dev/xvda", "t3.small", ("subnet-a",), ("sg-1",), "profile", "", None, 14)
WANTED = {"image_id": "ami-new", "instance_type": "t3.small", "http_tokens": "required"}


def resources_of(desired: str, existing: list[Instance], **policy: Any) -> list[dict[str, Any]]:
    plan = make_plan([server(name) for name in desired], existing, WANTED, Policy(**policy))
    return describe_resources(plan, LAUNCH)


def test_an_action_is_described_with_its_reason_and_its_changes() -> None:
    plan = make_plan([server("a")], [instance("a", tags={"Role": None})], WANTED, Policy())
    assert describe_actions(plan) == [
        {
            "action": "retag",
            "name": "server-a",
            "instance_id": "i-a1",
            "reason": "has not its tags Role",
            "changes": {"Role": {"before": None, "after": "trader"}},
        }
    ]


def test_drift_is_described_before_and_after() -> None:
    plan = make_plan([server("a")], [instance("a", image_id="ami-old")], WANTED, Policy())
    assert describe_drift(plan) == [
        {
            "name": "server-a",
            "instance_id": "i-a1",
            "attribute": "image_id",
            "before": "ami-old",
            "after": "ami-new",
        }
    ]


def test_every_desired_server_is_listed_by_name_whether_it_is_there_or_not() -> None:
    listed = describe_servers(
        [server("b"), server("a")], [instance("b", 1, "terminated"), instance("a"), instance("c")]
    )
    assert [(each["name"], each["instance_id"], each["state"]) for each in listed] == [
        ("server-a", "i-a1", "running"),
        ("server-b", None, None),
    ]
    assert listed[1]["tags"] == server("b").tags


def test_a_new_server_says_what_it_will_be() -> None:
    (entry,) = resources_of("a", [])
    assert (entry["kind"], entry["name"], entry["action"]) == ("EC2 instance", "server-a", "create")
    assert (entry["reasons"], entry["before"]) == (["has no server"], None)
    after = entry["after"]
    assert (after["state"], after["image_id"], after["Role"]) == ("running", "ami-new", "trader")


@pytest.mark.parametrize(
    ("desired", "existing", "policy", "expected"),
    [
        (
            "a",
            [instance("a"), instance("b")],
            {},
            [
                ("server-a", "keep", [], None, None),
                (
                    "server-b",
                    "retire",
                    ["has no model any more"],
                    {"state": "running", "Retired": None},
                    {"state": "stopped", "Retired": "set"},
                ),
            ],
        ),
        (
            "a",
            [instance("a"), instance("b")],
            {"terminate_retired": True},
            [
                ("server-a", "keep", [], None, None),
                ("server-b", "delete", ["has no model any more"], {"state": "running"}, None),
            ],
        ),
        (
            "a",
            [instance("a", 1, retired=RETIRED_AT), instance("a", 2, tags={"Role": None})],
            {},
            [
                ("server-a", "change", ["has not its tags Role"], {"Role": None}, {"Role": "trader"}),
                ("server-a (i-a1)", "change", ["is retired but runs"], {"state": "running"}, {"state": "stopped"}),
            ],
        ),
        (
            "a",
            [instance("a", image_id="ami-old")],
            {"replace": "always"},
            [("server-a", "replace", ["differs in image_id"], {"image_id": "ami-old"}, {"image_id": "ami-new"})],
        ),
        (
            "a",
            [instance("a"), instance("b", state="stopped", retired=RETIRED_AT)],
            {},
            [("server-a", "keep", [], None, None)],
        ),
    ],
    ids=["retire", "terminate", "retired and running", "replace", "retired"],
)
def test_each_server_is_one_entry(
    desired: str, existing: list[Instance], policy: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    entries = resources_of(desired, existing, **policy)
    assert [tuple(each.values())[1:] for each in entries] == expected


def test_all_that_becomes_of_one_server_is_one_entry() -> None:
    old = instance(
        "a",
        state="stopped",
        retired=RETIRED_AT,
        tags={"Role": None},
        instance_type="t2.small",
        image_id="ami-old",
    )
    (entry,) = resources_of("a", [old])
    assert entry["action"] == "change"
    assert entry["reasons"] == [
        "is desired again",
        "has not its tags Role",
        "differs in instance_type",
        "differs in image_id, which a replacement changes: set replace to stopped, or always",
    ]
    assert entry["before"] == {"state": "stopped", "Retired": "set", "Role": None, "instance_type": "t2.small"}
    assert entry["after"] == {"state": "running", "Retired": None, "Role": "trader", "instance_type": "t3.small"}


def test_a_server_that_stays_as_it_is_says_in_what_it_differs_and_why() -> None:
    old = instance("a", image_id="ami-old", instance_type="t2.small")
    (entry,) = resources_of("a", [old])
    assert entry["action"] == "keep"
    assert entry["reasons"] == [
        "differs in image_id, which a replacement changes: set replace to stopped, or always",
        "differs in instance_type, which a run changes when it finds the server stopped",
    ]
    assert entry["before"] == {"image_id": "ami-old", "instance_type": "t2.small"}
    assert entry["after"] == {"image_id": "ami-new", "instance_type": "t3.small"}


def test_a_server_that_runs_says_what_stands_in_the_way_of_its_replacement() -> None:
    (entry,) = resources_of("a", [instance("a", image_id="ami-old")], replace="stopped")
    assert (entry["action"], entry["reasons"]) == (
        "keep",
        ["differs in image_id, and runs: stop the environment first (playbooks/stop.yml), or set replace to always"],
    )


def test_a_fleet_that_is_taken_away_names_retired_servers_by_their_ids() -> None:
    existing = [instance("a", 1, "stopped", retired=RETIRED_AT), instance("a", 2), instance("b", state="terminated")]
    entries = describe_resources(make_removal({"Environment": "qa", "Role": "trader"}, existing), None)
    assert [(each["name"], each["action"]) for each in entries] == [
        ("server-a", "delete"),
        ("server-a (i-a1)", "delete"),
    ]


def warnings_of(*existing: Instance) -> list[str]:
    desired = [server(each.identity[0]) for each in existing]
    return drift_warnings(make_plan(desired, list(existing), WANTED, Policy()))


def test_drift_is_warned_of_once_for_each_attribute() -> None:
    sentences = warnings_of(
        instance("a", image_id="ami-old", instance_type="t2.small"), instance("b", image_id="ami-old")
    )
    assert sentences == [
        "image_id is ami-old where a new server would have ami-new, which a replacement changes: set replace to "
        "stopped, or always: server-a, server-b",
        "instance_type is t2.small where a new server would have t3.small, which a run changes when it finds the "
        "server stopped: server-a",
    ]


def test_a_warning_counts_the_values_when_they_differ() -> None:
    (sentence,) = warnings_of(instance("a", image_id="ami-1"), instance("b", image_id="ami-2"))
    assert sentence.startswith("image_id is 2 different values where ")


def test_a_warning_of_many_servers_names_ten_and_counts_the_rest() -> None:
    (sentence,) = warnings_of(*[instance(f"{number:02}", image_id="ami-old") for number in range(13)])
    assert sentence.endswith("server-08, server-09 and 3 more")
    assert "server-10" not in sentence


def test_without_drift_there_is_no_warning() -> None:
    assert warnings_of(instance("a")) == []

# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan in a module's words."""

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Instance, Policy, make_plan
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_report import (
    describe_actions,
    describe_diff,
    describe_drift,
    describe_servers,
    drift_warnings,
)

from tests.unit.plugins.module_utils.builders import RETIRED_AT, instance, server

LAUNCH = Launch("ami-new", "/dev/xvda", "t3.small", ("subnet-a",), ("sg-1",), "profile", "", None, 14)
WANTED = {"image_id": "ami-new", "instance_type": "t3.small", "http_tokens": "required"}


def diff_of(desired: str, existing: list[Instance], *, terminate: bool = False, **policy: Any) -> dict[str, Any]:
    plan = make_plan([server(name) for name in desired], existing, WANTED, Policy(**policy))
    return describe_diff(plan, LAUNCH, terminate_retired=terminate)


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


def test_the_diff_of_a_new_server_says_what_it_will_be() -> None:
    diff = diff_of("a", [])
    assert diff["before"] == {"server-a": {"state": "absent"}}
    after = diff["after"]["server-a"]
    assert (after["state"], after["image_id"], after["Role"]) == ("running", "ami-new", "trader")


def test_the_diff_of_a_retired_server_says_that_it_is_stopped_and_marked() -> None:
    assert diff_of("a", [instance("a"), instance("b")]) == {
        "before": {"server-b": {"state": "running", "Retired": None}},
        "after": {"server-b": {"state": "stopped", "Retired": "set"}},
    }


def test_the_diff_of_a_retired_server_that_runs_does_not_say_that_it_lacks_the_mark() -> None:
    diff = diff_of("a", [instance("a"), instance("b", retired=RETIRED_AT)])
    assert diff == {
        "before": {"server-b (is retired but runs)": {"state": "running"}},
        "after": {"server-b (is retired but runs)": {"state": "stopped"}},
    }


def test_the_diff_of_a_server_to_terminate_says_so() -> None:
    diff = diff_of("a", [instance("a"), instance("b")], terminate=True)
    assert diff["after"] == {"server-b": {"state": "terminated"}}


def test_the_diff_of_a_server_that_comes_back_joins_all_its_actions() -> None:
    old = instance("a", state="stopped", retired=RETIRED_AT, tags={"Role": None}, instance_type="t2.small")
    assert diff_of("a", [old]) == {
        "before": {"server-a": {"state": "stopped", "Retired": "set", "Role": None, "instance_type": "t2.small"}},
        "after": {"server-a": {"state": "running", "Retired": None, "Role": "trader", "instance_type": "t3.small"}},
    }


def test_the_diff_of_a_replaced_server_shows_what_differs() -> None:
    assert diff_of("a", [instance("a", image_id="ami-old")], replace=True) == {
        "before": {"server-a": {"image_id": "ami-old"}},
        "after": {"server-a": {"image_id": "ami-new"}},
    }


def test_the_diff_of_a_successor_does_not_hide_the_retired_server_that_runs() -> None:
    diff = diff_of("a", [instance("a", 1, retired=RETIRED_AT), instance("a", 2, tags={"Role": None})])
    assert diff["before"] == {"server-a": {"Role": None}, "server-a (is retired but runs)": {"state": "running"}}


def warnings_of(*existing: Instance) -> list[str]:
    desired = [server(each.identity[0]) for each in existing]
    return drift_warnings(make_plan(desired, list(existing), WANTED, Policy()))


def test_drift_is_warned_of_once_for_each_attribute() -> None:
    sentences = warnings_of(
        instance("a", image_id="ami-old", instance_type="t2.small"), instance("b", image_id="ami-old")
    )
    assert sentences == [
        "image_id is ami-old where a new server would have ami-new, and stays so until the server is replaced: "
        "server-a, server-b",
        "instance_type is t2.small where a new server would have t3.small, and stays so until the server is replaced: "
        "server-a",
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

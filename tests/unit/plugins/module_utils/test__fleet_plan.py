# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The planner: desired servers and existing instances in, actions and drift out."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    CHANGED_IN_PLACE,
    LIVE_STATES,
    Instance,
    Plan,
    PlanError,
    Policy,
    Server,
    current_instance,
    later_twins,
    make_plan,
    make_removal,
    recognise,
)

from tests.unit.plugins.module_utils.builders import LAUNCH, RETIRED_AT, instance, server

DEAD_STATES = ("shutting-down", "terminated")


def plan(desired: str, existing: list[Instance], launch: dict[str, Any] = LAUNCH, **policy: Any) -> Plan:
    return make_plan([server(name) for name in desired], existing, launch, Policy(**policy))


def steps(made: Plan) -> list[tuple[str, str | None]]:
    """Each action's kind with its instance, or with its server where there is no instance."""
    return [(each.kind, each.instance.instance_id if each.instance else each.name) for each in made.actions]


# Create and keep


def test_a_server_that_is_there_stays_as_it_is() -> None:
    made = plan("a", [instance("a")])
    assert (made.actions, made.drift) == ([], [])
    assert [kept.instance_id for kept in made.kept] == ["i-a1"]


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_a_server_stays_as_it_is_whether_it_runs_or_not(state: str) -> None:
    assert plan("a", [instance("a", state=state)]).actions == []


def test_a_model_without_a_server_gets_one() -> None:
    (action,) = plan("ab", [instance("a")]).actions
    assert (action.kind, action.server, action.instance) == ("create", server("b"), None)
    assert (action.reason, action.generation) == ("has no server", 0)


@pytest.mark.parametrize("state", DEAD_STATES)
def test_a_dead_instance_is_no_server_but_counts_for_the_generation(state: str) -> None:
    (action,) = plan("a", [instance("a", 1, state), instance("a", 2, state)]).actions
    assert (action.kind, action.reason, action.generation) == ("create", "has no live server", 2)


@pytest.mark.parametrize("state", DEAD_STATES)
def test_a_dead_instance_beside_a_live_one_is_ignored(state: str) -> None:
    assert plan("a", [instance("a", 1, state), instance("a", 2)]).actions == []


@pytest.mark.parametrize("state", DEAD_STATES)
def test_a_dead_instance_that_nobody_desires_is_ignored(state: str) -> None:
    assert plan("a", [instance("a"), instance("b", state=state), instance("c", state=state)]).actions == []


# Wrong input


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(PlanError, match="No server is desired, which would retire the whole fleet"):
        plan("", [instance("a")])


def test_a_server_that_is_desired_twice_is_refused_by_name() -> None:
    with pytest.raises(PlanError, match="Desired more than once: server-a, server-c; name each model once"):
        plan("acabc", [])


def test_two_live_instances_of_a_model_are_refused_naming_both() -> None:
    with pytest.raises(PlanError, match=r"More than one live instance for server-a \(i-a1, i-a2\): ") as refused:
        plan("a", [instance("a", 2, "stopped"), instance("a", 1)])
    assert "terminate the other, or tag it Retired and the next run stops it" in str(refused.value)


def test_all_duplicates_are_named_at_once_even_of_models_that_are_gone() -> None:
    with pytest.raises(PlanError, match=r"server-a \(i-a1, i-a2\); server-b \(i-b1, i-b2\)"):
        plan("c", [instance(name, number) for name, number in itertools.product("ba", (1, 2))])


@pytest.mark.parametrize(
    "other", [instance("a", 2, "stopped", retired=RETIRED_AT), instance("a", 2, "terminated")], ids=["retired", "dead"]
)
def test_a_retired_or_dead_instance_beside_a_live_one_is_no_duplicate(other: Instance) -> None:
    made = plan("a", [other, instance("a", 1)])
    assert made.actions == []
    assert [kept.instance_id for kept in made.kept] == ["i-a1"]


# Retire and restore


def test_a_server_without_a_model_is_retired() -> None:
    (action,) = plan("a", [instance("a"), instance("b")]).actions
    assert (action.kind, action.name, action.reason) == ("retire", "server-b", "has no model any more")
    assert action.instance == instance("b")


def test_a_retired_server_of_a_model_that_is_gone_stays_retired() -> None:
    assert plan("a", [instance("a"), instance("b", state="stopped", retired=RETIRED_AT)]).actions == []


@pytest.mark.parametrize("state", ["running", "pending"])
def test_a_retired_server_that_runs_is_stopped_again(state: str) -> None:
    (action,) = plan("a", [instance("a"), instance("b", state=state, retired=RETIRED_AT)]).actions
    assert (action.kind, action.name, action.reason) == ("stop", "server-b", "is retired but runs")


def test_a_retired_server_that_runs_beside_its_successor_is_stopped() -> None:
    made = plan("a", [instance("a", 1, retired=RETIRED_AT), instance("a", 2)])
    assert steps(made) == [("stop", "i-a1")]


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_a_model_that_comes_back_gets_its_own_server_again(state: str) -> None:
    made = plan("a", [instance("a", state=state, retired=RETIRED_AT)])
    assert steps(made) == [("restore", "i-a1")]
    assert made.actions[0].reason == "is desired again"


def test_of_two_retired_servers_the_one_that_was_retired_last_comes_back() -> None:
    late = instance("a", 1, "stopped", retired="2026-02-03T21:05:00Z", launched="2026-01-01T00:00:00+00:00")
    early = instance("a", 2, "stopped", retired="2026-02-02T21:05:00Z", launched="2026-01-02T00:00:00+00:00")
    assert current_instance([early, late]) == current_instance([late, early]) == late
    assert steps(plan("a", [early, late])) == [("restore", "i-a1")]


def test_of_two_that_were_retired_at_once_the_one_launched_last_comes_back() -> None:
    old = instance("a", 1, "stopped", retired=RETIRED_AT, launched="2026-01-01T00:00:00+00:00")
    new = instance("a", 2, "stopped", retired=RETIRED_AT, launched="2026-01-02T00:00:00+00:00")
    assert current_instance([old, new]) == current_instance([new, old]) == new


@pytest.mark.parametrize(("fleet", "allowed"), [(2, 1), (5, 1), (9, 1), (10, 2), (14, 2), (50, 10)])
def test_by_default_a_run_retires_one_server_or_a_fifth_of_them(fleet: int, allowed: int) -> None:
    names = [chr(ord("A") + number) for number in range(fleet)]
    existing = [instance(name) for name in names]
    made = plan("".join(names[allowed:]), existing)
    assert len(made.of_kind("retire")) == allowed
    with pytest.raises(PlanError) as refused:
        plan("".join(names[allowed + 1 :]) or "new", existing)
    assert str(refused.value).startswith(
        f"{allowed + 1} of {fleet} servers have no model any more, and at most {allowed} "
    )


def test_the_guard_names_the_servers_and_the_way_out() -> None:
    with pytest.raises(PlanError, match=r"server-b, server-c; check the models, or raise max_retired"):
        plan("a", [instance("c"), instance("a"), instance("b")])


def test_a_raised_guard_lets_them_retire() -> None:
    assert steps(plan("a", [instance("c"), instance("b")], max_retired=2)) == [
        ("create", "server-a"),
        ("retire", "i-b1"),
        ("retire", "i-c1"),
    ]


def test_a_guard_of_zero_lets_nothing_retire() -> None:
    with pytest.raises(PlanError, match="at most 0 may be retired"):
        plan("a", [instance("a"), instance("b")], max_retired=0)


def test_dead_and_retired_servers_do_not_count_for_the_guard() -> None:
    others = [instance(name, state="terminated") for name in "ghijk"]
    others += [instance(name, retired=RETIRED_AT) for name in "lmnop"]
    with pytest.raises(PlanError, match="2 of 3 servers"):
        plan("a", [instance("a"), instance("b"), instance("c"), *others])


# Tags


def test_missing_and_wrong_tags_are_set() -> None:
    (action,) = plan("a", [instance("a", tags={"Role": None, "Name": "by hand"})]).actions
    assert (action.kind, action.reason) == ("retag", "has not its tags Name, Role")
    assert action.changes == {"Name": ("by hand", "server-a"), "Role": (None, "trader")}


def test_tags_of_others_are_left_alone() -> None:
    assert plan("a", [instance("a", tags={"CostCentre": "42"})]).actions == []


# Lost tags


def test_a_server_that_lost_its_model_is_known_by_its_name() -> None:
    lost = replace(instance("a", tags={"ModelNumber": None}), identity=())
    desired = [server("a"), server("b")]
    (known,) = recognise(desired, [lost])
    made = make_plan(desired, [known], LAUNCH, Policy())
    assert steps(made) == [("retag", "i-a1"), ("create", "server-b")]
    assert made.actions[0].changes == {"ModelNumber": (None, "a")}


def test_a_server_that_nobody_knows_is_refused_and_not_doubled() -> None:
    lost = [replace(instance(name, tags={"Name": None}), identity=()) for name in "ab"]
    with pytest.raises(
        PlanError, match=r"Some servers of qa do not tell what they serve: i-a1 \(i-a1\), i-b1 \(i-b1\);"
    ):
        plan("a", recognise([server("a")], lost))


@pytest.mark.parametrize("gone", [instance("x", 1, "terminated"), instance("x", 1, "stopped", retired=RETIRED_AT)])
def test_nor_does_one_that_is_gone_stand_in_the_way(gone: Instance) -> None:
    lost = replace(gone, identity=())
    assert plan("a", recognise([server("a")], [instance("a"), lost])).actions == []


def test_a_server_with_another_environments_name_is_refused() -> None:
    with pytest.raises(PlanError, match=r"\(i-a1\) has Name=trading-server-prod-x; remove that tag"):
        plan("a", [instance("a", tags={"Name": "trading-server-prod-x"})])


# The end of a fleet

QA = {"Environment": "qa", "Role": "trader"}


def test_a_fleet_ends_with_every_live_server_whatever_became_of_it() -> None:
    existing = [instance("a"), instance("a", 2), instance("b", state="stopped", retired="now")]
    existing += [replace(instance("c"), identity=()), instance("d", state="shutting-down")]
    ended = make_removal(QA, existing)
    assert steps(ended) == [(("terminate"), each) for each in ("i-a1", "i-a2", "i-b1", "i-c1")]


@pytest.mark.parametrize("tags", [{"Role": "bastion"}, {"Environment": "dev"}, {"Name": "trading-server-dev-x"}])
def test_a_server_of_somebody_else_by_some_tags_is_not_ended(tags: dict[str, str]) -> None:
    with pytest.raises(PlanError, match="by some tags and not by others"):
        make_removal(QA, [instance("a"), instance("b", tags=tags)])


# Twins


def test_of_two_that_were_launched_the_first_stays() -> None:
    early = instance("a", 2, launched="2026-01-05T13:30:00+00:00")
    late = instance("a", 1, launched="2026-01-05T13:30:09+00:00")
    assert later_twins([late, early], {"i-a1"}) == [late]
    assert later_twins([late, early], {"i-a1", "i-a2"}) == [late]
    assert later_twins([late, early], {"i-a2"}) == []
    assert later_twins([late, early], set()) == []


def test_what_runs_launched_at_once_is_told_apart_by_id() -> None:
    pair = [instance("a", 1), instance("a", 2)]
    assert later_twins(pair, {"i-a2"}) == later_twins(pair[::-1], {"i-a1", "i-a2"}) == [pair[1]]


@pytest.mark.parametrize("gone", [instance("a", 1, "terminated"), instance("a", 1, "stopped", retired=RETIRED_AT)])
def test_a_successor_is_no_twin(gone: Instance) -> None:
    assert later_twins([gone, instance("a", 2)], {"i-a2"}) == []


# Drift


def test_what_aws_cannot_change_in_place_is_reported() -> None:
    made = plan("a", [instance("a", image_id="ami-old")])
    (drift,) = made.drift
    assert (drift.attribute, drift.before, drift.after, drift.instance_id) == (
        "image_id",
        "ami-old",
        "ami-new",
        "i-a1",
    )
    assert made.actions == []


@pytest.mark.parametrize("attribute", sorted(CHANGED_IN_PLACE))
def test_what_aws_can_change_in_place_is_changed(attribute: str) -> None:
    old: dict[str, Any] = {attribute: "old"}
    made = plan("a", [instance("a", **old)], {**LAUNCH, attribute: "new"})
    (action,) = made.actions
    assert (action.kind, action.changes) == ("modify", {attribute: ("old", "new")})
    assert made.drift == []


@pytest.mark.parametrize("state", ["pending", "running", "stopping"])
def test_the_type_of_a_server_that_is_not_stopped_is_reported(state: str) -> None:
    made = plan("a", [instance("a", state=state, instance_type="t2.small")])
    assert made.actions == []
    assert [drift.attribute for drift in made.drift] == ["instance_type"]


@pytest.mark.parametrize(("before", "after"), [(8, 14), ("gp2", "gp3")])
def test_a_disk_is_changed_in_place(before: Any, after: Any) -> None:
    attribute = "volume_size" if before == 8 else "volume_type"
    wanted = {**LAUNCH, attribute: after}
    old: dict[str, Any] = {attribute: before}
    made = plan("a", [instance("a", **old)], wanted, replace="always")
    assert [(each.kind, each.changes) for each in made.actions] == [("modify", {attribute: (before, after)})]


def test_a_disk_that_nobody_knows_is_reported() -> None:
    unknown = replace(instance("a", volume_size=None), root_volume_id=None)
    made = plan("a", [unknown], {**LAUNCH, "volume_size": 14})
    assert (made.actions, [each.attribute for each in made.drift]) == ([], ["volume_size"])


def test_a_disk_never_shrinks() -> None:
    made = plan("a", [instance("a", volume_size=30)], {**LAUNCH, "volume_size": 14}, replace="always")
    assert (made.actions, made.drift) == ([], [])


def test_the_type_of_a_stopped_server_is_changed() -> None:
    made = plan("a", [instance("a", state="stopped", instance_type="t2.small")])
    assert [action.changes for action in made.actions] == [{"instance_type": ("t2.small", "t3.small")}]
    assert made.drift == []


def test_an_attribute_that_is_not_known_is_drift() -> None:
    made = plan("a", [instance("a", image_id=None)])
    assert [(drift.before, drift.after) for drift in made.drift] == [(None, "ami-new")]


def test_a_server_that_comes_back_is_retagged_and_changed_too() -> None:
    old = instance("a", 1, "stopped", retired=RETIRED_AT, tags={"Role": None}, instance_type="t2.small")
    made = plan("a", [old])
    assert [kind for kind, _who in steps(made)] == ["restore", "retag", "modify"]


# Replace


def test_replace_replaces_what_cannot_be_changed_in_place() -> None:
    made = plan("ab", [instance("a", image_id="ami-old", http_tokens="optional"), instance("b")], replace="always")
    (action,) = made.actions
    assert (action.kind, action.name, action.reason) == ("replace", "server-a", "differs in image_id")
    assert (action.generation, action.changes) == (1, {"image_id": ("ami-old", "ami-new")})
    assert made.drift == []


def test_replace_leaves_what_can_be_changed_in_place() -> None:
    assert steps(plan("a", [instance("a", http_tokens="optional")], replace="always")) == [("modify", "i-a1")]


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_a_server_that_runs_is_replaced_only_when_all_are(state: str) -> None:
    old = [instance("a", state=state, image_id="ami-old")]
    runs = state in ("pending", "running")
    made = plan("a", old, replace="stopped")
    assert [kind for kind, _who in steps(made)] == ([] if runs else ["replace"])
    assert [each.attribute for each in made.drift] == (["image_id"] if runs else [])
    assert [kind for kind, _who in steps(plan("a", old, replace="always"))] == ["replace"]
    assert plan("a", old, replace="never").actions == []


@pytest.mark.parametrize("replace", ["stopped", "always"])
def test_a_replacement_that_was_killed_half_way_is_finished_with_the_same_generation(replace: str) -> None:
    old = instance("a", state="stopped", retired=RETIRED_AT, image_id="ami-old")
    (action,) = plan("a", [old], replace=replace).actions
    assert (action.kind, action.generation) == ("replace", 1)
    assert steps(plan("a", [old])) == [("restore", "i-a1")]


def test_the_guard_does_not_stand_in_the_way_of_a_replacement() -> None:
    existing = [instance(name, image_id="ami-old") for name in "abc"]
    assert [kind for kind, _who in steps(plan("abc", existing, replace="always", max_retired=0))] == ["replace"] * 3


def test_a_server_that_is_replaced_is_not_retired_beside_that() -> None:
    old = instance("a", retired=RETIRED_AT, image_id="ami-old")
    assert steps(plan("a", [old], replace="always")) == [("replace", "i-a1")]


# The plan as a whole


def test_the_order_of_the_input_does_not_matter() -> None:
    desired = [server(name) for name in "abcdefgh"]
    existing = [instance(name) for name in "abcd"]
    existing += [instance("e", 1, "stopped", retired=RETIRED_AT), instance("f", 1, "terminated"), instance("x")]
    existing += [instance("g", tags={"Role": None}), instance("h", image_id="ami-old"), instance("y", retired="now")]
    expected = make_plan(desired, existing, LAUNCH, Policy())
    shuffle = random.Random(1).shuffle  # noqa: S311 - nothing secret
    for _ in range(20):
        shuffle(desired)
        shuffle(existing)
        assert make_plan(desired, existing, LAUNCH, Policy()) == expected


def test_a_plan_changes_nothing_that_it_is_given() -> None:
    desired: list[Server] = [server("b"), server("a")]
    existing = [instance("c"), instance("a", http_tokens="optional", tags={"Role": None})]
    make_plan(desired, existing, LAUNCH, Policy())
    assert desired == [server("b"), server("a")]
    assert existing == [instance("c"), instance("a", http_tokens="optional", tags={"Role": None})]


def test_a_mark_by_hand_does_not_go_before_a_real_retirement() -> None:
    retired = instance("a", 1, "stopped", retired=RETIRED_AT)
    by_hand = instance("a", 2, "stopped", retired="true")
    assert steps(plan("a", [retired, by_hand])) == [("restore", "i-a1")]

# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.algotrading.aws.plugins.module_utils._resources import KEEP, compared, resource, result_of


def test_what_is_not_there_yet_is_created() -> None:
    assert compared("role", "r", {}, {"a": 1}) == {
        "kind": "role",
        "name": "r",
        "action": "create",
        "reasons": ["is not there"],
        "before": None,
        "after": {"a": 1},
    }


def test_what_is_not_wanted_is_deleted() -> None:
    deleted = compared("role", "r", {"a": 1}, None)
    assert (deleted["action"], deleted["before"], deleted["after"]) == ("delete", {"a": 1}, None)


def test_of_a_change_only_what_differs_is_told() -> None:
    changed = compared("role", "r", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3})
    assert (changed["action"], changed["reasons"]) == ("change", ["differs in b, c"])
    assert (changed["before"], changed["after"]) == ({"b": 2, "c": 3}, {"b": 3, "c": None})


def test_what_is_as_it_should_be_is_kept() -> None:
    assert compared("role", "r", {"a": 1}, {"a": 1}) == compared("role", "r", None, None) == resource("role", "r", KEEP)


def test_the_results_leave_out_of_the_diff_what_is_kept() -> None:
    kept = resource("role", "k", KEEP, ["differs in a"], {"a": 1}, {"a": 2})
    result = result_of([compared("role", "r", None, {"a": 1}), kept])
    assert result["changed"] is True
    assert result["diff"] == {"before": {}, "after": {"role r": {"a": 1}}}
    assert [each["name"] for each in result["resources"]] == ["r", "k"]
    assert result_of([kept])["changed"] is False

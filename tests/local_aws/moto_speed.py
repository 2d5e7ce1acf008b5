# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps what moto computes anew at each request or reset although it never changes; halves both."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend, ManagedPolicy


def speed_up_moto() -> None:
    """Apply all of it; twice does no harm."""
    _keep_module_names()
    _keep_method_names()
    _keep_managed_policies()


def _keep_module_names() -> None:
    """moto lists its own folder to route a request."""
    from moto import backends

    names = backends.list_of_moto_modules()
    if not isinstance(names, tuple):
        kept = tuple(names)
        backends.list_of_moto_modules = lambda: kept


def _keep_method_names() -> None:
    """moto inspects a class of hundreds of methods to find one."""
    from moto.core import responses

    if not hasattr(responses.method_names_from_class, "cache_info"):
        responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def _keep_managed_policies() -> None:
    """moto parses all of AWS's managed policies at each reset; only their counts of attachments change."""
    from moto.iam.models import IAMBackend

    original = IAMBackend._init_aws_policies
    if hasattr(original, "kept"):
        return
    kept: dict[str, list[ManagedPolicy]] = {}

    def init_aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
        if backend.region_name not in kept:
            kept[backend.region_name] = original(backend)
        policies = kept[backend.region_name]
        for policy in policies:
            policy.attachment_count = 0
        return policies

    init_aws_policies.kept = kept  # type: ignore[attr-defined]  # kept on it
    IAMBackend._init_aws_policies = init_aws_policies  # type: ignore[assignment,method-assign]  # replaced

# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps what moto computes anew at each request or reset although it never changes; halves both."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests.local_aws.s3_listing import list_quickly

if TYPE_CHECKING:
    from moto.core.serialize import AttributePickerContext
    from moto.iam.models import IAMBackend, ManagedPolicy
    from moto.kms.utils import AbstractPrivateKey


def speed_up_moto() -> None:
    """Apply all of it; twice does no harm."""
    _keep_module_names()
    _keep_method_names()
    _keep_managed_policies()
    _keep_private_keys()
    _keep_possible_keys()
    _look_tags_up()
    _look_instances_up()
    _forget_backends_at_once()
    list_quickly()


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


def _keep_private_keys() -> None:
    """moto makes a private key, in a tenth of a second, for symmetric keys too; disks have such keys."""
    from moto.kms import models
    from moto.kms.utils import KeySpec

    original = models.generate_private_key
    if hasattr(original, "kept"):
        return

    @functools.cache
    def never_used() -> AbstractPrivateKey:
        return original(KeySpec.SYMMETRIC_DEFAULT)

    def generate_private_key(key_spec: str) -> AbstractPrivateKey:
        return never_used() if key_spec == KeySpec.SYMMETRIC_DEFAULT else original(key_spec)

    generate_private_key.kept = never_used  # type: ignore[attr-defined]  # kept on it
    models.generate_private_key = generate_private_key


def _keep_possible_keys() -> None:
    """moto works out for each value of each answer the names that it may have; they depend on types alone."""
    from moto.core.serialize import XFormedAttributePicker

    original = XFormedAttributePicker.get_possible_keys
    if hasattr(original, "kept"):
        return
    # The shapes are parts of the services' models, which moto keeps.
    kept: dict[tuple[object, ...], tuple[str, ...]] = {}

    def get_possible_keys(picker: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
        kind = (type(context.obj), context.shape, context.key)
        if kind not in kept:
            kept[kind] = tuple(dict.fromkeys(original(picker, context)))
        return kept[kind]

    get_possible_keys.kept = kept  # type: ignore[attr-defined]  # kept on it
    XFormedAttributePicker.get_possible_keys = get_possible_keys  # type: ignore[assignment,method-assign]  # replaced


def _look_tags_up() -> None:
    """moto goes through the tags of all resources for those of one, so that a fleet took the square of its size."""
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    def get_tags(resource: Any) -> list[dict[str, str]]:
        if not resource.id:
            return []
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "")
        tags = resource.ec2_backend.tags.get(resource.id, {})
        return [
            {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
            for key, value in tags.items()
        ]

    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign,assignment]  # replaced


def _look_instances_up() -> None:
    """moto copies all reservations to find one instance."""
    from moto.ec2.exceptions import InvalidInstanceIdError
    from moto.ec2.models.instances import Instance, InstanceBackend

    def get_instance(backend: InstanceBackend, instance_id: str) -> Instance:
        for reservation in backend.reservations.values():
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return instance
        raise InvalidInstanceIdError(instance_id)

    InstanceBackend.get_instance = get_instance  # type: ignore[assignment,method-assign]  # replaced


def _forget_backends_at_once() -> None:
    """moto's reset makes each service's world anew, as its default VPCs, and then throws that away too."""
    from moto.core.base_backend import BaseBackend

    BaseBackend.reset = lambda self: None  # type: ignore[method-assign]  # replaced

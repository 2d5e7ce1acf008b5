# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances that live: folders and real processes on this machine, with metadata and an agent."""

from __future__ import annotations

from tests.local_aws.hosts.part import Hosts

__all__ = ["Hosts"]

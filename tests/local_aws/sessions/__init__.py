# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Session Manager: shells on hosts, over the data channel that AWS's own session-manager-plugin speaks."""

from __future__ import annotations

from tests.local_aws.sessions.part import Sessions

__all__ = ["Sessions"]

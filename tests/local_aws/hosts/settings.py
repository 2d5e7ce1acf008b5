# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast the hosts are; tests change it through the control API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """Times in seconds."""

    # What the processes of a host have between SIGTERM and SIGKILL: enough for a trader's end and its last upload.
    grace: float = 40.0
    # The same, when the server itself ends.
    last_grace: float = 2.0
    # After that a boot goes on, though the user data still runs.
    user_data: float = 60.0
    # How long the status checks say `initializing` after a boot.
    initializing: float = 0.3
    # How long GetCommandInvocation does not know a new command.
    invocation_delay: float = 0.3
    # When given, a command's TimeoutSeconds, which cannot be less than 30.
    delivery: float | None = None
    # Hosts are names without processes, and commands are answered by stubs.
    instant: bool = False

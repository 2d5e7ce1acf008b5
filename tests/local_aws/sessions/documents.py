# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a session runs, by the document that StartSession names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.local_aws.errors import AwsError

SHELL = "SSM-SessionManagerRunShell"
_INTERACTIVE = "AWS-StartInteractiveCommand"


@dataclass(frozen=True)
class Program:
    """What the agent starts in the pseudo-terminal."""

    document: str
    # Empty for a shell to type in.
    command: str = ""

    @property
    def session_type(self) -> str:
        """What the agent's handshake says; it needs none for a shell."""
        return "InteractiveCommands" if self.command else ""


def read_document(params: Mapping[str, Any]) -> Program:
    """Return what a call of StartSession wants to run."""
    name = params.get("DocumentName") or SHELL
    given = params.get("Parameters") or {}
    if name == SHELL:
        if given:
            raise AwsError("InvalidParameters", f"The document {SHELL} has no parameters.")
        return Program(name)
    if name == _INTERACTIVE:
        command = given.get("command", [])
        if set(given) != {"command"} or len(command) != 1 or not command[0]:
            raise AwsError("InvalidParameters", f"The document {name} needs the parameter command, and no other.")
        return Program(name, command[0])
    if name.startswith("AWS-"):
        raise AwsError("NotImplementedByLocalAws", f"The local AWS does not model the document {name}.", 501)
    raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")

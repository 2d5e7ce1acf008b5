# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""amazon.aws's connection plugin, where it runs a command twice, takes a lost one for a success, or shows a secret."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_ssm
version_added: 0.1.0
short_description: Connect through AWS Session Manager, and run no command twice
description:
  - Works as P(amazon.aws.aws_ssm#connection), with the same options and the same variables.
  - That plugin does not heed O(reconnection_retries), which is read before the variables are known, so that a command
    whose answer is late is run again, up to three times. Here it is heeded.
  - That plugin takes a command for a success whose session ended before it. Here the host is unreachable.
  - With C(-vvv) and more, that plugin shows what opens a session, and URLs that open a file in the bucket, with the
    session token of whoever runs Ansible. Here these are masked.
  - A host whose agent is offline, and a bucket that is not there, are told in a sentence, and are not tried again.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
extends_documentation_fragment:
  - algotrading.aws.aws_ssm
notes:
  - Set O(reconnection_retries=0) for commands that must not run twice.
seealso:
  - plugin: amazon.aws.aws_ssm
    plugin_type: connection
"""

import errno
import re
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.amazon.aws.plugins.connection.aws_ssm import Connection as AmazonConnection
from ansible_collections.amazon.aws.plugins.plugin_utils.ssm.sessionmanager import SSMProcessManagerTimeOutFailure

try:
    from botocore.exceptions import ClientError
except ImportError:
    pass  # amazon.aws's plugin says that it needs boto3.

# Of a presigned URL, by S3's new and old way to sign; and of what opens a session's data channel.
_SECRETS = re.compile(
    r"""((?:X-Amz-(?:Credential|Security-Token|Signature)|AWSAccessKeyId|Signature)=|"TokenValue": ")[^&"'\\\s]+""",
    re.IGNORECASE,
)


class Connection(AmazonConnection):
    """One host."""

    transport = "algotrading.aws.aws_ssm"

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Take the options, of which the retries were read before they were there."""
        super().set_options(*args, **kwargs)
        self.reconnection_retries = self.get_option("reconnection_retries")

    def verbosity_display(self, level: int, message: str) -> None:
        """Show what goes on, but nothing that lets others take part in it."""
        super().verbosity_display(level, _SECRETS.sub(r"\1***", message))

    def start_session(self) -> None:
        """Start a session, or say why there is none."""
        try:
            super().start_session()
        except ClientError as error:
            raise AnsibleConnectionFailure(self._explain(error)) from None
        except SSMProcessManagerTimeOutFailure:
            raise AnsibleConnectionFailure(self._no_answer()) from None

    def exec_command(self, *args: Any, **kwargs: Any) -> tuple[int, str, str]:
        """Run a command. The terminal and the pipe to session-manager-plugin break with their session."""
        try:
            result: tuple[int, str, str] = super().exec_command(*args, **kwargs)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            raise AnsibleConnectionFailure(self._lost_session()) from None
        return result

    def exec_communicate(self, *args: Any, **kwargs: Any) -> tuple[int, str, str]:
        """Wait for a command's end; a session that ends before it leaves no status."""
        try:
            status, stdout, stderr = super().exec_communicate(*args, **kwargs)
        except SSMProcessManagerTimeOutFailure:
            # Without the cause, which is the whole command.
            raise AnsibleConnectionFailure(self._no_answer()) from None
        if status is None:
            raise AnsibleConnectionFailure(self._lost_session())
        return status, stdout, stderr

    def _lost_session(self) -> str:
        return f"The session with {self.instance_id} ended before the command did"

    def _no_answer(self) -> str:
        return f"No answer from {self.instance_id} within {self.get_option('ssm_timeout')} s"

    def _explain(self, error: ClientError) -> str:
        code = error.response["Error"]["Code"]
        if error.operation_name == "HeadBucket" and code == "404":
            return f"There is no bucket {self.get_option('bucket_name')}, through which files go to {self.instance_id}"
        if code == "TargetNotConnected":
            return f"{self.instance_id} is not connected to Session Manager: it does not run, or its agent is offline"
        return str(error)

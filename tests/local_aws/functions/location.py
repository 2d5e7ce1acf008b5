# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a function's zip can be fetched: moto names a bucket of the real AWS."""

from __future__ import annotations

import dataclasses
import json
from urllib.parse import quote

from tests.local_aws.account import Account
from tests.local_aws.control import PREFIX
from tests.local_aws.functions.deployed import CODE_FOLDER
from tests.local_aws.messages import AwsResponse


def show_location(response: AwsResponse, account: Account, endpoint_url: str) -> AwsResponse:
    """Let GetFunction's answer lead to this endpoint."""
    if response.status != 200:
        return response
    document = json.loads(response.body)
    found = document["Configuration"]
    path = quote(f"{CODE_FOLDER}{account.region}/{found['FunctionName']}/{found['Version']}")
    document["Code"] = {"RepositoryType": "S3", "Location": f"{endpoint_url}{PREFIX}{path}"}
    return dataclasses.replace(response, body=json.dumps(document).encode())

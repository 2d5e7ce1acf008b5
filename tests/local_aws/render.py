# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers of EC2 that we make or complete, written by moto's own serializer."""

from __future__ import annotations

from werkzeug.datastructures import Headers

from tests.local_aws.account import Account
from tests.local_aws.messages import AwsRequest, AwsResponse

_PENDING = "RunInstances.Reservation.Instances.Instance.State"


def render_reservation(request: AwsRequest, reservation_id: str, as_pending: bool) -> AwsResponse:
    """Write a reservation as it is now; `as_pending` shows the states of a launch that just began."""
    reservation = Account(request.region).ec2.reservations[reservation_id]
    return render(request, reservation, () if as_pending else (_PENDING,))


def render(request: AwsRequest, result: object, without: tuple[str, ...] = ()) -> AwsResponse:
    """Write the result of the request's operation, without some of moto's changes on the way."""
    from moto.core.serialize import XFormedAttributePicker, get_serializer_class
    from moto.ec2.responses._base_response import EC2BaseResponse

    known = EC2BaseResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER
    transformers = {path: change for path, change in known.items() if path not in without}
    serializer = get_serializer_class("ec2", "ec2")(
        operation_model=request.operation_model,
        pretty_print=False,
        value_picker=XFormedAttributePicker(response_transformers=transformers),
    )
    written = serializer.serialize(result)
    body = written["body"]
    return AwsResponse(
        int(written["status_code"]),
        Headers(list(written["headers"].items())),
        body.encode() if isinstance(body, str) else body,
    )

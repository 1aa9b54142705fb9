"""What something would cost, over HTTP: the same documents and answers as `manage.py price_preview`."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError, TooLargeError
from amberflow.lib.exact_json import JsonError, loads
from metering.api.body import RawBodyParser
from pricing.api import schema
from pricing.engine.document_values import DocumentError
from pricing.engine.preview import answer_preview, preview

MAX_PREVIEWS = 1000


class PreviewView(APIView):
    """Prices a quantity, or many. Nothing is read from the database or written to it."""

    parser_classes = [RawBodyParser]
    # Whoever holds a key may calculate: the answer depends on the request alone.
    required_scope = None

    @extend_schema(
        operation_id="preview_price",
        summary="Preview what usage would cost",
        description=schema.DESCRIPTION,
        request={"application/json": schema.REQUEST},
        responses={
            200: OpenApiResponse(schema.RESPONSE, description="The amount; of a list an answer each, in its order."),
            400: OpenApiResponse(PROBLEM, description="The document can't be priced; `field` is the path in it."),
            401: OpenApiResponse(PROBLEM, description="No valid API key."),
            413: OpenApiResponse(PROBLEM, description="Too many previews or bytes."),
        },
        examples=schema.EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        document = _read(request.data)
        if isinstance(document, dict) and "previews" in document:
            return Response({"previews": [answer_preview(item) for item in _list_of(document)]})
        try:
            answer = preview(document)
        except DocumentError as error:
            raise ProblemError(error.message, code=error.code, field=error.path) from None
        return Response({"id": document.get("id"), **answer})


def _read(body: Any) -> Any:
    # Without any body the parser isn't called and there are no bytes.
    try:
        return loads(body if isinstance(body, bytes) else b"")
    except JsonError as error:
        raise ProblemError(f"The body can't be read: {error}", code="invalid_body") from None


def _list_of(document: dict[str, Any]) -> list[Any]:
    others = sorted(document.keys() - {"previews"})
    if others:
        raise ProblemError(
            f"{others[0]!r} stands beside previews: put it into each of them.", code="unknown_field", field=others[0]
        )
    previews = document["previews"]
    if not isinstance(previews, list):
        raise ProblemError("previews is not a list: write a list of previews.", code="type", field="previews")
    if len(previews) > MAX_PREVIEWS:
        raise TooLargeError(
            f"The request has {len(previews)} previews, at most {MAX_PREVIEWS} are answered: send fewer at a time."
        )
    return previews

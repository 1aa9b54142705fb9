"""OpenTelemetry over HTTP (OTLP): spans of generative AI in protobuf or JSON, each call of a model an event.

Exporters send to `<endpoint>/v1/traces`; both the root and `/api/v1/otlp` are good endpoints. `?customer=a,b` names the
attributes in which the customer stands.
"""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from amberflow.api import Problem
from metering.ingest.canonical import DecodedBatch
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.otlp.attributes import CUSTOMER
from metering.ingest.otlp.calls import SOURCE, calls_of
from metering.ingest.otlp.spans import read_json, read_protobuf
from metering.ingest.results import IngestResult

PROTOBUF = "application/x-protobuf"
ENDPOINTS = ("", "api/v1/otlp/")
MAX_MESSAGE = 1000
# HTTP's statuses as those of gRPC, which OTLP's errors carry.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 429: 8, 503: 14}
_UNKNOWN = 2


class OtlpTracesDialect(Dialect):
    """The traces of any OpenTelemetry SDK or collector."""

    name = SOURCE
    label = "OpenTelemetry"
    routes = tuple(f"{endpoint}v1/traces" for endpoint in ENDPOINTS)
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        named = [name for name in request.query.get("customer", "").split(",") if name]
        spans = read_json(request.body) if _is_json(request) else read_protobuf(request.body)
        return calls_of(spans, customer_attributes=named or CUSTOMER)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        rejected = len(batch.rejections)
        message = f"{batch.rejections[0].message} ({batch.rejections[0].code})"[:MAX_MESSAGE] if rejected else ""
        if _is_json(request):
            partial = {"rejectedSpans": str(rejected), "errorMessage": message}
            return json_answer({"partialSuccess": partial} if rejected else {})
        response = ExportTraceServiceResponse()
        if rejected:
            response.partial_success.rejected_spans = rejected
            response.partial_success.error_message = message
        return Answer(200, response.SerializeToString(), PROTOBUF)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return status_answer(request, problem)


class OtlpUnusedDialect(Dialect):
    """Metrics and logs, which SDKs send to the same endpoint: taken without a look, since spans say all that is billed.

    Refusing them would fill the logs of programs that have nothing to mend.
    """

    name = "otlp-unused"
    label = "OpenTelemetry"
    routes = tuple(f"{endpoint}v1/{signal}" for endpoint in ENDPOINTS for signal in ("metrics", "logs"))
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        return DecodedBatch()

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return json_answer({}) if _is_json(request) else Answer(200, b"", PROTOBUF)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return status_answer(request, problem)


def status_answer(request: UsageRequest, problem: Problem) -> Answer:
    """A google.rpc.Status in the encoding of the request."""
    code = _CODES.get(problem.status, _UNKNOWN)
    if _is_json(request):
        return json_answer({"code": code, "message": problem.message}, status=problem.status, headers=problem.headers())
    text = problem.message.encode()
    # Field 1 is the code, field 2 the message; that is all of the message's schema.
    content = b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text
    return Answer(problem.status, content, PROTOBUF, problem.headers())


def _is_json(request: UsageRequest) -> bool:
    """By the content type; where it says nothing, by the first character, with which no message of protobuf begins."""
    if request.content_type.startswith("application/"):
        return request.content_type.endswith("json")
    return request.body[:1] == b"{"


def _varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head += bytes([number & 127 | 128])
        number >>= 7
    return head + bytes([number])

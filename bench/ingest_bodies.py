"""The same AI calls in the words of each dialect."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.ingest_load import Prepared

CUSTOMERS = 100
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro", "o1-mini")
FEATURES = ("chat", "search", "agent")
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Call:
    """One AI call, as any client would report it."""

    id: str
    customer: str
    at: float
    model: str
    feature: str
    input: int
    cached: int
    output: int
    request: str

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).isoformat()


def calls(run: str) -> Iterator[Call]:
    """Calls without end, of the last ten minutes, a few customers with most of them; the same for the same run."""
    rng = random.Random(run)
    now = time.time()
    number = 0
    while True:
        number += 1
        yield Call(
            id=f"{run}-{number}",
            customer=f"c{min(CUSTOMERS - 1, int(rng.paretovariate(1.0)) - 1)}",
            at=now - rng.random() * 600,
            model=rng.choice(MODELS),
            feature=rng.choice(FEATURES),
            input=rng.randrange(10, 4000),
            cached=rng.randrange(10),
            output=rng.randrange(1, 900),
            request=f"req_{rng.getrandbits(64):016x}",
        )


def native(batch: Sequence[Call]) -> Any:
    return [
        {
            "id": call.id,
            "customer": call.customer,
            "type": "llm_call",
            "time": call.time,
            "properties": {
                "model": call.model,
                "feature": call.feature,
                "input_tokens": call.input,
                "cache_read_tokens": call.cached,
                "output_tokens": call.output,
                "request_id": call.request,
            },
        }
        for call in batch
    ]


def without_time(batch: Sequence[Call]) -> Any:
    return [{name: value for name, value in event.items() if name != "time"} for event in native(batch)]


def openmeter(batch: Sequence[Call]) -> Any:
    return [
        {
            "specversion": "1.0",
            "id": event["id"],
            "source": "bench",
            "type": event["type"],
            "subject": event["customer"],
            "time": event["time"],
            "data": event["properties"],
        }
        for event in native(batch)
    ]


def lago(batch: Sequence[Call]) -> Any:
    return {
        "events": [
            {
                "transaction_id": call.id,
                "external_subscription_id": call.customer,
                "code": "llm_call",
                "timestamp": call.at,
                "properties": event["properties"],
            }
            for call, event in zip(batch, native(batch), strict=True)
        ]
    }


def amberflo(batch: Sequence[Call]) -> Any:
    return [
        {
            "uniqueId": call.id,
            "meterApiName": "llm_call",
            "meterValue": 1,
            "customerId": call.customer,
            "meterTimeInMillis": int(call.at * 1000),
            "dimensions": {"model": call.model, "feature": call.feature},
        }
        for call in batch
    ]


def litellm(batch: Sequence[Call]) -> Any:
    return [
        {
            "id": call.id,
            "call_type": "acompletion",
            "status": "success",
            "custom_llm_provider": "openai",
            "model": "gpt-4o",
            "end_user": call.customer,
            "startTime": call.at - 1,
            "endTime": call.at,
            "prompt_tokens": call.input,
            "completion_tokens": call.output,
            "total_tokens": call.input + call.output,
            "metadata": {"user_api_key_team_id": "team", "requester_metadata": {"feature": call.feature}},
            "messages": [{"role": "user", "content": "x" * 200}],
            "response": {"choices": [{"message": {"content": "y" * 200}}]},
        }
        for call in batch
    ]


def opentelemetry(batch: Sequence[Call]) -> Any:
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": call.request[4:],
            "name": "chat",
            "startTimeUnixNano": str(int((call.at - 1) * 1_000_000_000)),
            "endTimeUnixNano": str(int(call.at * 1_000_000_000)),
            "attributes": [
                *(
                    {"key": name, "value": {"stringValue": value}}
                    for name, value in (
                        ("gen_ai.operation.name", "chat"),
                        ("gen_ai.response.model", call.model),
                        ("gen_ai.response.id", call.id),
                        ("amberflow.customer", call.customer),
                        ("feature", call.feature),
                    )
                ),
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(call.input)}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": str(call.output)}},
            ],
        }
        for number, call in enumerate(batch, 1)
    ]
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]}


def otlp_protobuf(batch: Sequence[Call]) -> bytes:
    # Protobuf's JSON would want the ids in base64; the server takes them as OTLP has them, in hex.
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for written in opentelemetry(batch)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span = spans.add(
            trace_id=bytes.fromhex(written["traceId"]),
            span_id=bytes.fromhex(written["spanId"]),
            name=written["name"],
            start_time_unix_nano=int(written["startTimeUnixNano"]),
            end_time_unix_nano=int(written["endTimeUnixNano"]),
        )
        for attribute in written["attributes"]:
            value = attribute["value"]
            if "intValue" in value:
                span.attributes.add(key=attribute["key"]).value.int_value = int(value["intValue"])
            else:
                span.attributes.add(key=attribute["key"]).value.string_value = value["stringValue"]
    return request.SerializeToString()


def orb(batch: Sequence[Call]) -> Any:
    return {"events": _renamed(batch, "idempotency_key", "external_customer_id", "event_name", "timestamp")}


def metronome(batch: Sequence[Call]) -> Any:
    return _renamed(batch, "transaction_id", "customer_id", "event_type", "timestamp")


def flexprice(batch: Sequence[Call]) -> Any:
    return {"events": _renamed(batch, "event_id", "external_customer_id", "event_name", "timestamp")}


def lotus(batch: Sequence[Call]) -> Any:
    return {"batch": _renamed(batch, "idempotency_id", "customer_id", "event_name", "time_created")}


def polar(batch: Sequence[Call]) -> Any:
    return {"events": _renamed(batch, "external_id", "external_customer_id", "name", "timestamp", "metadata")}


def _renamed(
    batch: Sequence[Call], id_: str, customer: str, type_: str, time_: str, properties: str = "properties"
) -> list[Any]:
    names = {"id": id_, "customer": customer, "type": type_, "time": time_, "properties": properties}
    return [{names[name]: value for name, value in event.items()} for event in native(batch)]


def stripe(batch: Sequence[Call]) -> Any:
    (call,) = batch
    payload = {"stripe_customer_id": call.customer, "value": "1", "model": call.model, "feature": call.feature}
    payload |= {"input_tokens": str(call.input), "output_tokens": str(call.output)}
    return {"identifier": call.id, "event_name": "llm_call", "timestamp": call.time, "payload": payload}


def autumn(batch: Sequence[Call]) -> Any:
    (call,) = batch
    tokens = {"input_tokens": call.input, "output_tokens": call.output}
    return {"customer_id": call.customer, "feature_id": "llm_call", "model_id": f"openai/{call.model}", **tokens}


def agentcogs(batch: Sequence[Call]) -> Any:
    (call,) = batch
    models = {call.model: {"input_tokens": call.input, "output_tokens": call.output}}
    return {"run_id": call.id, "customer_id": call.customer, "ts": call.at, "models": models}


def kill_bill(batch: Sequence[Call]) -> Any:
    (call,) = batch
    usage = [{"unitType": "llm_call", "usageRecords": [{"recordDate": call.time[:10], "amount": 1}]}]
    return {"subscriptionId": call.customer, "trackingId": call.id, "unitUsageRecords": usage}


def requests(
    write: Callable[[Sequence[Call]], Any], found: Iterator[Call], *, path: str, key: str, batch: int, count: int
) -> list[Prepared]:
    """So many requests of so many events each."""
    made = []
    for _ in range(count):
        body = write(list(islice(found, batch)))
        kind = PROTOBUF if isinstance(body, bytes) else JSON
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        made.append(Prepared(path, {**kind, "Authorization": f"Bearer {key}"}, text, batch))
    return made


# By name: how to write a batch, where to send it, and how many events the dialect's clients send at once.
DIALECTS: dict[str, tuple[Callable[[Sequence[Call]], Any], str, int]] = {
    "native": (native, "/api/v1/usage", 1000),
    "openmeter": (openmeter, "/api/v1/events", 1000),
    "lago": (lago, "/api/v1/events/batch", 100),
    "amberflo": (amberflo, "/ingest", 200),
    "litellm": (litellm, "/api/v1/litellm", 512),
    "opentelemetry": (opentelemetry, "/v1/traces", 512),
    "otlp_protobuf": (otlp_protobuf, "/v1/traces", 512),
    "orb": (orb, "/v1/ingest", 500),
    "metronome": (metronome, "/v1/ingest", 100),
    "flexprice": (flexprice, "/v1/events/bulk", 1000),
    "lotus": (lotus, "/api/track/", 1000),
    "polar": (polar, "/v1/events/ingest", 1000),
    "stripe": (stripe, "/v2/billing/meter_events", 1),
    "autumn": (autumn, "/v1/balances.track_tokens", 1),
    "agentcogs": (agentcogs, "/v1/ingest", 1),
    "kill_bill": (kill_bill, "/1.0/kb/usages", 1),
}

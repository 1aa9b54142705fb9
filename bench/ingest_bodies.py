"""The same AI calls in the words of each dialect."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bench.ingest_load import Prepared

CUSTOMERS = 100
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro", "o1-mini")
FEATURES = ("chat", "search", "agent")
JSON = {"Content-Type": "application/json"}


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


def requests(
    write: Callable[[Sequence[Call]], Any], found: Iterator[Call], *, path: str, key: str, batch: int, count: int
) -> list[Prepared]:
    """So many requests of so many events each."""
    headers = {**JSON, "Authorization": f"Bearer {key}"}
    return [
        Prepared(path, headers, json.dumps(write(list(islice(found, batch)))).encode(), batch) for _ in range(count)
    ]


# By name: how to write a batch, where to send it, and how many events the dialect's clients send at once.
DIALECTS: dict[str, tuple[Callable[[Sequence[Call]], Any], str, int]] = {
    "native": (native, "/api/v1/usage", 1000),
    "openmeter": (openmeter, "/api/v1/events", 1000),
    "lago": (lago, "/api/v1/events/batch", 100),
    "amberflo": (amberflo, "/ingest", 200),
    "litellm": (litellm, "/api/v1/litellm", 512),
    "opentelemetry": (opentelemetry, "/v1/traces", 512),
}

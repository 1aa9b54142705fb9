"""AgentCOGS's runs: what an agent's run took of each model becomes one event per model, known as `<run_id>:<model>`.

LiteLLM's `agentcogs` callback and AgentCOGS's SDK send them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    ID_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    decode_json,
    read_epoch,
    read_text,
    require_object,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import NATIVE_FIELDS, has_member, read_redacted, read_utc
from metering.ingest.redact import redact
from metering.ingest.results import IngestResult

EVENT_TYPE = "llm_call"
# What went wrong, in somebody's words, and what is read into fields of its own.
_READ = frozenset({"run_id", "customer_id", "ts", "models", "error", "total_usd"})


class AgentCogsDialect(Dialect):
    """AgentCOGS's `POST /v1/ingest`."""

    name = "agentcogs"
    label = "AgentCOGS"
    routes = ("v1/ingest",)
    precedence = 200
    # A run may come without its time.
    strict = True
    schema = {"exclude": True}

    def recognises(self, request: UsageRequest) -> bool:
        return has_member(request.body, "run_id")

    def decode(self, request: UsageRequest) -> DecodedBatch:
        try:
            run = require_object(decode_json(request.body))
            run_id, customer = read_text(run, "run_id"), read_text(run, "customer_id")
            occurred_at = _time(run.get("ts"))
            shared = redact({name: value for name, value in run.items() if name not in _READ | NATIVE_FIELDS})
            models = _models(run)
        except EventError as error:
            raise BodyError(error.message, code=error.code, field=error.field) from None
        batch = DecodedBatch()
        for index, (event_id, properties) in enumerate(_per_model(run_id, run, models)):
            form = {
                "id": event_id,
                "source": self.name,
                "customer": customer,
                "type": EVENT_TYPE,
                "time": None if occurred_at is None else occurred_at.isoformat(),
                "properties": {**shared, **properties},
            }
            try:
                batch.events.append(
                    CanonicalEvent(
                        source=self.name,
                        event_id=check_text(event_id, "run_id", max_length=ID_LENGTH),
                        customer=customer,
                        type=EVENT_TYPE,
                        occurred_at=occurred_at,
                        properties=redact({**shared, **properties}),
                    )
                )
            except EventError as error:
                batch.rejections.append(native.rejection(index, error, form))
        return batch

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        run_id = decode_json(request.body)["run_id"]
        repeated = bool(result.events) and all(each.is_known for each in result.events)
        duplicate = {"duplicate": True} if repeated else {}
        return json_answer({"accepted": True, **duplicate, "run_id": run_id}, status=202)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        status = 422 if problem.status == 400 else problem.status
        return json_answer({"detail": problem.message}, status=status, headers=problem.headers())


def _time(value: Any) -> datetime | None:
    return read_utc(value, "ts") if isinstance(value, str) and "-" in value[1:] else read_epoch(value, "ts")


def _models(run: Mapping[str, Any]) -> Mapping[str, Any]:
    models = read_redacted(run, "models") if run.get("models") != [] else {}
    wrong = next((name for name, usage in models.items() if not isinstance(usage, dict)), None)
    if wrong is not None:
        raise EventError("invalid_models", "models", f"models must hold an object of tokens for {wrong[:60]!r}.")
    return models


def _per_model(
    run_id: str, run: Mapping[str, Any], models: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not models:
        # Nothing says what was used, but the run cost something: it is kept as a call without a model.
        yield run_id, _with_cost({}, run.get("total_usd"))
    for model, usage in models.items():
        rest = {name: value for name, value in usage.items() if name != "usd"}
        yield f"{run_id}:{model}", _with_cost({**rest, "model": model}, usage.get("usd"))


def _with_cost(properties: dict[str, Any], usd: Any) -> dict[str, Any]:
    return properties if usd is None else {**properties, "reported_cost": usd}

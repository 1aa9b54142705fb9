"""Which spans are calls of a model, each once: agents, chains and tools only sum up what their children report."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from metering.ingest.canonical import (
    EPOCH,
    ID_LENGTH,
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    read_call_id,
)
from metering.ingest.dialects import native
from metering.ingest.otlp.attributes import (
    CUSTOMER,
    EVENT_TYPE,
    RESPONSE_ID,
    first_text,
    has_usage,
    operation_of,
    read_call,
    read_tokens,
    storable,
)
from metering.ingest.otlp.spans import Span

SOURCE = "otlp"
DEFAULT_TYPE = "llm_call"
# Operations of the model itself: counted even if nobody says how many tokens they took.
CALLS = frozenset({"chat", "completion", "text_completion", "generate_content", "embeddings"})
# Everything that is done around calls.
WRAPPERS = frozenset(
    {
        "agent",
        "chain",
        "create_agent",
        "evaluator",
        "execute_tool",
        "guardrail",
        "invoke_agent",
        "invoke_workflow",
        "prompt",
        "retrieval",
        "retriever",
        "task",
        "tool",
        "workflow",
    }
)

SpanKey = tuple[str, str]


def calls_of(spans: Iterable[Span | EventError], *, customer_attributes: Sequence[str] = CUSTOMER) -> DecodedBatch:
    """The event of each call, and a rejection of each span that can't be read or billed; other spans are left out.

    The customer stands in the first of `customer_attributes` that the span, or else a span around it in the same
    request, has.
    """
    read = list(spans)
    by_key = {(span.trace_id, span.span_id): span for span in read if isinstance(span, Span) and span.span_id}
    calls = [span for span in read if isinstance(span, Span) and _is_call(span)]
    repeated = _repeated(calls, by_key)
    called = {id(span) for span in calls if (span.trace_id, span.span_id) not in repeated}
    batch = DecodedBatch()
    for span in read:
        index = len(batch.events) + len(batch.rejections)
        if isinstance(span, EventError):
            batch.rejections.append(native.rejection(index, span, {"source": SOURCE}))
        elif id(span) in called:
            _add(batch, index, span, _customer(span, by_key, customer_attributes))
    return batch


def _is_call(span: Span) -> bool:
    operation = operation_of(span.attributes)
    if operation in WRAPPERS:
        return False
    # A call that failed before the provider counted anything costs nothing.
    return has_usage(span.attributes) or (operation in CALLS and not span.failed)


def _add(batch: DecodedBatch, index: int, span: Span, customer: str) -> None:
    form: dict[str, Any] = {
        "id": span.trace_id + span.span_id,
        "source": SOURCE,
        "customer": customer,
        "type": first_text(span.attributes, (EVENT_TYPE,)) or DEFAULT_TYPE,
        "call_id": first_text(span.attributes, RESPONSE_ID),
    }
    try:
        if span.ended_ns < 0 or span.ended_ns.bit_length() > 64:
            raise EventError("invalid_time", "endTimeUnixNano", "endTimeUnixNano is no time since 1970.")
        form["time"] = (EPOCH + timedelta(microseconds=span.ended_ns // 1000)).isoformat() if span.ended_ns else None
        form["properties"] = read_call(span.attributes, scope=span.scope)
        batch.events.append(_event(span, form))
    except EventError as error:
        form.setdefault("properties", storable(span.attributes))
        batch.rejections.append(native.rejection(index, error, form))


def _event(span: Span, form: Mapping[str, Any]) -> CanonicalEvent:
    if not span.trace_id or not span.span_id:
        raise EventError("missing_id", "spanId", "The span has no trace and span id: a repeat could not be told apart.")
    if not span.ended_ns:
        raise EventError("missing_time", "endTimeUnixNano", "endTimeUnixNano is missing: send spans that have ended.")
    if not form["customer"]:
        raise EventError(
            "missing_customer",
            "customer",
            "No attribute says who the customer is: set amberflow.customer on the span or as a resource attribute, or "
            "name the attribute that you set in the address, like ?customer=tenant_id.",
        )
    return CanonicalEvent(
        source=SOURCE,
        event_id=form["id"],
        customer=check_text(form["customer"], "customer", max_length=ID_LENGTH),
        type=check_text(form["type"], EVENT_TYPE, max_length=TYPE_LENGTH),
        occurred_at=EPOCH + timedelta(microseconds=span.ended_ns // 1000),
        properties=form["properties"],
        call_id=read_call_id(form["call_id"]),
    )


def _customer(span: Span, by_key: Mapping[SpanKey, Span], names: Sequence[str]) -> str:
    own = first_text(span.attributes, names)
    return own or next((found for each in _around(span, by_key) if (found := first_text(each.attributes, names))), "")


def _around(span: Span, by_key: Mapping[SpanKey, Span]) -> Iterator[Span]:
    """The spans around it as far as they are in the request, the nearest first."""
    seen = {span.span_id}
    parent = by_key.get((span.trace_id, span.parent_id))
    while parent is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        yield parent
        parent = by_key.get((parent.trace_id, parent.parent_id))


def _repeated(calls: Sequence[Span], by_key: Mapping[SpanKey, Span]) -> set[SpanKey]:
    """Spans that report again what spans within them report: two instrumentations of one call, one inside the other.

    They are one call when they name the same response; where one of them names none, when the outer counts the tokens
    of an inner span, or of all of those next within it together.
    """
    within: dict[SpanKey, list[Span]] = defaultdict(list)
    keys = {(span.trace_id, span.span_id) for span in calls}
    for span in calls:
        nearest = next((each for each in _around(span, by_key) if (each.trace_id, each.span_id) in keys), None)
        if nearest is not None:
            within[nearest.trace_id, nearest.span_id].append(span)
    return {key for key, inner in within.items() if _says_the_same(by_key[key], inner)}


def _says_the_same(outer: Span, inner: Sequence[Span]) -> bool:
    response = first_text(outer.attributes, RESPONSE_ID)
    responses = {first_text(span.attributes, RESPONSE_ID) for span in inner}
    if response and "" not in responses:
        return response in responses
    mine, theirs = _counted(outer), [_counted(span) for span in inner]
    if mine is None or None in theirs:
        # Without counts there is nothing to bill twice by, but a call is counted: the inner one is nearer to it.
        return mine is None
    known = [each for each in theirs if each is not None]
    return mine in known or mine == (sum(each[0] for each in known), sum(each[1] for each in known))


def _counted(span: Span) -> tuple[int, int] | None:
    """Tokens in and out; None when they can't be read, or are not counted."""
    try:
        tokens = read_tokens(span.attributes, scope=span.scope)
        whole = tokens["uncached_input_tokens"] if "uncached_input_tokens" in tokens else tokens["input_tokens"]
        return int(whole), int(tokens.get("output_tokens", 0))
    except (EventError, KeyError, TypeError, ValueError, ArithmeticError):
        return None

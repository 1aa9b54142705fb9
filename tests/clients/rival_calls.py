"""Runs in the environment of the client libraries: reports usage through the clients of Orb, Metronome, Flexprice and
Polar, and through OpenTelemetry's exporter.

Prints one JSON line per step with what the client saw.
"""

import json
import os
import sys
from datetime import UTC, datetime

from flexprice import Flexprice
from flexprice.models.errors import ErrorResponse
from metronome import BadRequestError as MetronomeBadRequest
from metronome import Metronome
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from orb import Orb, OrbAuthenticationError, RequestValidationError
from polar.v2026_10.client import Polar
from polar.v2026_10.errors import HTTPValidationError

URL, KEY = os.environ["URL"], os.environ["KEY"]
NOW = datetime.now(UTC).isoformat()


def step(name, send):
    sys.stdout.write(json.dumps({"step": name, "saw": send()}) + "\n")


def caught(error_class, send):
    try:
        send()
    except error_class as error:
        return str(error)
    return "no error"


orb = Orb(api_key=KEY, base_url=f"{URL}/v1")


def orb_event(key, **changes):
    event = {"event_name": "request", "timestamp": NOW, "idempotency_key": key, "external_customer_id": "acme"}
    return {**event, "properties": {"value": 1}, **changes}


step("orb", lambda: orb.events.ingest(events=[orb_event("a"), orb_event("b")], extra_query={"debug": "true"}).to_dict())
step(
    "orb again",
    lambda: orb.events.ingest(events=[orb_event("a"), orb_event("c")], extra_query={"debug": "true"}).to_dict(),
)
step(
    "orb bad", lambda: caught(RequestValidationError, lambda: orb.events.ingest(events=[orb_event("d", event_name="")]))
)
stranger = Orb(api_key="af_no", base_url=f"{URL}/v1")
step("orb key", lambda: caught(OrbAuthenticationError, lambda: stranger.events.ingest(events=[orb_event("e")])))

metronome = Metronome(bearer_token=KEY, base_url=URL)


def metronome_event(key, customer="acme"):
    event = {"transaction_id": key, "customer_id": customer, "event_type": "request", "timestamp": NOW}
    return {**event, "properties": {"value": "1"}}


step("metronome", lambda: metronome.v1.usage.ingest(usage=[metronome_event("a"), metronome_event("b")]))
step("metronome again", lambda: metronome.v1.usage.ingest(usage=[metronome_event("b")]))
step(
    "metronome bad",
    lambda: caught(MetronomeBadRequest, lambda: metronome.v1.usage.ingest(usage=[metronome_event("c", "")])),
)

flexprice = Flexprice(server_url=f"{URL}/v1", api_key_auth=KEY)


def flexprice_event(key, name="request"):
    event = {"event_name": name, "external_customer_id": "acme", "event_id": key, "timestamp": NOW}
    return {**event, "properties": {"value": "1"}}


step("flexprice", lambda: flexprice.events.ingest_event(**flexprice_event("a")))
step("flexprice many", lambda: flexprice.events.ingest_events_bulk(events=[flexprice_event("a"), flexprice_event("b")]))
nameless = flexprice_event("c", name="")
step("flexprice bad", lambda: caught(ErrorResponse, lambda: flexprice.events.ingest_event(**nameless)))

polar = Polar(KEY, base_url=URL)


def polar_event(key, **changes):
    event = {"name": "request", "external_customer_id": "acme", "external_id": key, "timestamp": NOW}
    return {**event, "metadata": {"value": 1}, **changes}


def polar_ingest(*events):
    return polar.events.ingest(events=list(events))


step("polar", lambda: polar_ingest(polar_event("a"), polar_event("b")).inserted)
step("polar again", lambda: str(polar_ingest(polar_event("a"))))
step("polar bad", lambda: caught(HTTPValidationError, lambda: polar_ingest(polar_event("c", name=""))))


class Watched(SpanExporter):
    """Hands spans on and prints what became of them."""

    def __init__(self, exporter):
        self.exporter = exporter

    def export(self, spans):
        outcome = self.exporter.export(spans)
        step("otlp", lambda: outcome.name)
        return outcome


provider = TracerProvider(resource=Resource.create({"amberflow.customer": "acme"}))
headers = {"Authorization": f"Bearer {KEY}"}
exporter = OTLPSpanExporter(endpoint=f"{URL}/v1/traces", headers=headers, compression=Compression.Gzip)
provider.add_span_processor(SimpleSpanProcessor(Watched(exporter)))
tracer = provider.get_tracer("app")
with tracer.start_as_current_span("chat gpt-4o") as span:
    span.set_attributes(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.id": "chatcmpl-7",
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 350,
            "gen_ai.input.messages": '[{"role": "user", "content": "secret"}]',
        }
    )

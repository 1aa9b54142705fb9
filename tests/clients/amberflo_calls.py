"""Runs in the environment of the client libraries: reports usage through Amberflo's own client.

The server's first answer is lost on the way. Prints one JSON line per step with what the client saw.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

from metering.exceptions import ApiError
from metering.ingest import create_ingest_client, create_ingest_payload
from metering.ingest.api_client import IngestApiClient
from metering.llms import meter_llm
from metering.session import IngestSession

IngestSession.root_url = os.environ["URL"]
KEY = os.environ["KEY"]


def record(number, **changes):
    fields = {
        "meter_api_name": "pages",
        "meter_value": 100,
        "meter_time_in_millis": int(time.time() * 1000),
        "customer_id": "acme",
        "dimensions": {"model": "alpha"},
        "unique_id": f"evt-{number}",
    }
    return create_ingest_payload(**{**fields, **changes})


def step(name, call):
    seen = {"step": name, "status": 200}
    try:
        seen["answer"] = call()
    except ApiError as error:
        seen |= {"status": error.status_code, "answer": error.text}
    sys.stdout.write(json.dumps(seen) + "\n")


def delays(*_, **__):
    yield None
    while True:
        yield 0.2


lost = []
producer = create_ingest_client(
    api_key=KEY, backoff_delay=delays, threads=1, on_error=lambda error, batch: lost.append(str(error))
)
for number in range(5):
    producer.send(record(number))
producer.flush()
producer.send_custom({"my": "shape", "n": 1})


@meter_llm(metering_client=producer)
def call_model(**_):
    usage = SimpleNamespace(prompt_tokens=10, completion_tokens=20)
    return SimpleNamespace(object="chat.completion", model="gpt-4o", usage=usage)


call_model(customer_id="acme", aflo_dimensions={"feature": "chat"})
producer.shutdown()
step("queued", lambda: lost)

client = IngestApiClient(KEY)
again = record(9)
step("one", lambda: client.send(again))
step("the same again", lambda: client.send(again))
step("some can't be counted", lambda: client.send([record(10), record(11, customer_id="nobody"), {"uniqueId": "x"}]))
step("wrong key", lambda: IngestApiClient("af_wrong").send(record(12)))

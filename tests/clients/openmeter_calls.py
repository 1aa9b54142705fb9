"""Runs in the environment of the client libraries: reports usage through OpenMeter's own client.

Prints one JSON line per step with what the client saw.
"""

import json
import os
import sys
from datetime import UTC, datetime

from corehttp.exceptions import HttpResponseError
from openmeter import Client
from openmeter.models import Event

URL, KEY = os.environ["URL"], os.environ["KEY"]


def event(number, **changes):
    fields = {
        "id": f"evt-{number}",
        "source": "my-app",
        "specversion": "1.0",
        "type": "prompt",
        "subject": "acme",
        "time": datetime.now(UTC),
        "data": {"tokens": "100", "model": "gpt-4o"},
    }
    return Event(**{**fields, **changes})


def step(name, send):
    seen = {"step": name, "status": 204}
    try:
        send()
    except HttpResponseError as error:
        seen |= {"status": error.status_code, "problem": error.response.json()}
    sys.stdout.write(json.dumps(seen) + "\n")


with Client(endpoint=URL, token=KEY) as client:
    again = event(1)
    step("one", lambda: client.events.ingest_event(again))
    step("the same again", lambda: client.events.ingest_event(again))
    step("many", lambda: client.events.ingest_events([event(2), event(3)]))
    step("as plain JSON", lambda: client.events.ingest_events_json(event(4)))
    step("unknown customer", lambda: client.events.ingest_event(event(5, subject="nobody")))
    step("bad event", lambda: client.events.ingest_events([event(6), event(7, specversion="0.3")]))
with Client(endpoint=os.environ["READ_URL"], token=os.environ["READ_KEY"]) as client:
    asked = {"subject": ["acme"], "group_by": ["model"], "filter_group_by": {"model": "gpt-4o"}}
    found = client.meters.query_json("tokens", **asked)
    rows = [[row.value, row.subject, row.group_by, row.window_start.year] for row in found.data]
    seen = {"step": "read", "status": 200, "slugs": [meter.slug for meter in client.meters.list()], "rows": rows}
    sys.stdout.write(json.dumps({**seen, "aggregation": client.meters.get("tokens").aggregation}) + "\n")
    of_acme = {"subject": {"$eq": "acme"}}
    listed = {
        "events": [each.customer_id for each in client.events.list(limit=2)],
        "events of acme": len(client.events.list(subject="acme")),
        "second version": sorted(each.event.id for each in client.events_v2.list(limit=2, filter=of_acme)),
        "subjects": [each.key for each in client.subjects.list()],
        "customers": [each.key for each in client.customers.list().items_property],
        "of the meter": client.meters.list_subjects("tokens"),
        "groups": client.meters.list_group_by_values("tokens", "model"),
    }
    sys.stdout.write(json.dumps({"step": "lists", "status": 200, **listed}) + "\n")
with Client(endpoint=URL, token="af_wrong") as client:
    step("wrong key", lambda: client.events.ingest_event(event(8)))

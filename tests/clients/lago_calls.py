"""Runs in the environment of the client libraries: reports and reads usage through Lago's own client.

Prints one JSON line per step with what the client saw.
"""

import json
import os
import sys

from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import BatchEvent, Event

URL, KEY = os.environ["URL"], os.environ["KEY"]


def event(number, **changes):
    fields = {
        "transaction_id": f"tx-{number}",
        "external_subscription_id": "sub-42",
        "code": "pages",
        "timestamp": None,
        "precise_total_amount_cents": "1.5",
        "properties": {"model": "alpha", "pages": "100"},
    }
    return Event(**{**fields, **changes})


def batch(*numbers, **changes):
    return BatchEvent(events=[event(number, **changes) for number in numbers])


def step(name, call):
    seen = {"step": name, "status": 200}
    try:
        answer = call()
        seen["answer"] = json.loads(answer.json()) if hasattr(answer, "json") else answer
    except LagoApiError as error:
        seen |= {"status": error.status_code, "answer": error.response}
    sys.stdout.write(json.dumps(seen, default=lambda value: json.loads(value.json())) + "\n")


client = Client(api_key=KEY, api_url=URL)
step("one", lambda: client.events.create(event(1)))
step("the same again", lambda: client.events.create(event(1)))
step("many", lambda: client.events.batch_create(batch(2, 3)))
step("the same many again", lambda: client.events.batch_create(batch(2, 3)))
step("some are new", lambda: client.events.batch_create(batch(3, 4)))
step("bad event", lambda: client.events.create(event(5, timestamp="soon")))
step("unknown customer", lambda: client.events.create(event(6, external_subscription_id="nobody")))
step("too many", lambda: client.events.batch_create(batch(*range(100, 201))))
step("find", lambda: client.events.find("tx-1"))
step("find none", lambda: client.events.find("tx-0"))
step("current usage", lambda: client.customers.current_usage("acme", "sub-42"))
step("no such subscription", lambda: client.customers.current_usage("acme", "nothing"))
step("metrics", lambda: client.billable_metrics.find_all())
step("wrong key", lambda: Client(api_key="af_wrong", api_url=URL).events.create(event(7)))

"""Runs in the environment of the client libraries: reports usage through the client of Autumn.

Prints one JSON line per step with what the client saw.
"""

import json
import os
import sys

from autumn_sdk import Autumn
from autumn_sdk.errors import AutumnError

URL, KEY = os.environ["URL"], os.environ["KEY"]


def step(name, saw):
    sys.stdout.write(json.dumps({"step": name, "saw": saw}, default=str) + "\n")


def tracked(send, key):
    try:
        return json.loads(send(http_headers={"Idempotency-Key": key}).model_dump_json())
    except AutumnError as error:
        return [error.status_code, json.loads(error.body)]


with Autumn(secret_key=KEY, server_url=URL) as autumn:

    def usage(**headers):
        return autumn.track(customer_id="acme", feature_id="request", value=2, **headers)

    def call(**headers):
        tokens = {"input_tokens": 200, "cache_read_tokens": 1000, "output_tokens": 300, "reasoning_tokens": 50}
        return autumn.track_tokens(customer_id="acme", model_id="openai/gpt-4o", **tokens, **headers)

    def nothing(**headers):
        return autumn.track(customer_id="", feature_id="request", **headers)

    step("autumn", tracked(usage, "autumn-1"))
    step("autumn again", tracked(usage, "autumn-1"))
    step("autumn tokens", tracked(call, "autumn-2"))
    item = {"customer_id": "acme", "feature_id": "request", "idempotency_key": "autumn-4"}
    many = [item, item, {**item, "idempotency_key": "autumn-5"}]
    step("autumn many", tracked(lambda **headers: autumn.batch_track(request=many, **headers), "autumn-6"))
    step("autumn bad", tracked(nothing, "autumn-3"))

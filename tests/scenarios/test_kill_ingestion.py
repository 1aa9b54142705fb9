"""Writers with overlapping retries, while web workers and the database are killed (DESIGN §5.1, §5.2, §5.6).

Everything is real and apart from the other tests: a database server, web workers, a process that merges and claims.
"""

import http.client
import json
import random
import threading
import time
from contextlib import closing

import pytest

from tests.scenarios.own_installation import OwnInstallation

EVENTS, WRITERS, KILLS = 4_000, 8, 6
# The writers go on at least until so many are killed, however fast they are.
LEAST_KILLS = 3
# The server of web workers gives up when one that it has just made dies too.
SECONDS_BETWEEN = 1.5
MAKE = """
from customers.models import Customer, ApiKey
from customers.services.api_keys import create_api_key
from metering.models import EventType, Meter
kind = EventType.objects.create(code="llm_call", name="AI call", dimensions=["model"], is_ai_call=True)
EventType.objects.create(code="summed", name="AI call, summed only", dimensions=["model"], is_ai_call=True)
Meter.objects.create(code="largest", name="Largest", event_type=kind, value_property="input_tokens", aggregation="max")
Customer.objects.create(external_id="acme", name="Acme", timezone="Asia/Kathmandu")
print(create_api_key(name="writers", scopes=[ApiKey.Scope.USAGE_WRITE])[1])
"""
UPKEEP = """
import time
from django.db import connection
from metering.services.claim_identities import claim_identities
from metering.services.merge_usage import merge_usage
while True:
    try:
        merge_usage(); claim_identities()
    except Exception:
        connection.close()
    time.sleep(0.2)
"""
CHECK = """
from metering.models import Event, EventCorrection, EventIdentity, UnclaimedEvents
from metering.services.claim_identities import claim_identities
from metering.services.merge_usage import merge_usage
from metering.services.recount_usage import recount_usage
merge_usage(); taken_out = claim_identities(); merge_usage()
print(*(model.objects.count() for model in (Event, EventIdentity, EventCorrection, UnclaimedEvents)))
print(len(recount_usage()))
"""


@pytest.fixture
def installation():
    with OwnInstallation() as made:
        yield made


def event(number):
    moment = 1_767_225_600 + number * 37
    return {
        "id": f"e{number}",
        "customer": "acme",
        # Requests of which nothing is kept but sums are copied in.
        "type": "summed" if number % 2 else "llm_call",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
        "properties": {"model": f"m{number % 7}", "input_tokens": number, "output_tokens": 1},
    }


def write(port, key, seed, accepted, until, enough):
    """Send every event in batches of any size, in an order of one's own, each until it is answered with 200; all of
    them again as long as not enough was killed."""
    rng = random.Random(seed)
    numbers = in_any_order(rng, seed)
    while numbers:
        size = rng.choice([1, 7, 99, 100, 400])
        batch, numbers = numbers[:size], numbers[size:]
        body = json.dumps([event(number) for number in batch]).encode()
        while True:
            assert time.monotonic() < until, "the writers don't come to an end"
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                    connection.request("POST", "/api/v1/usage", body, {"Authorization": f"Bearer {key}"})
                    response = connection.getresponse()
                    answer = response.read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
                continue
            if response.status == 200:
                found = json.loads(answer)
                assert found["rejected"] == 0, found
                accepted[seed] += found["accepted"]
                break
            assert response.status >= 500, (response.status, answer)
            time.sleep(0.1)
        if not numbers and not enough.is_set():
            numbers = in_any_order(rng, seed)


def in_any_order(rng, seed):
    """The numbers of all events, those of one type after those of the other; which is first differs by writer."""
    return sorted(rng.sample(range(EVENTS), EVENTS), key=lambda number: (number + seed) % 2)


def test_every_event_counts_once_whatever_is_killed(installation):
    key = installation.shell(MAKE).split()[-1]
    installation.start_web()
    upkeep = installation.background(UPKEEP)
    accepted = [0] * WRITERS
    until = time.monotonic() + 240
    failures = []
    enough = threading.Event()

    def writer(seed):
        try:
            write(installation.port, key, seed, accepted, until, enough)
        except BaseException as error:
            failures.append(error)
            raise

    writers = [threading.Thread(target=writer, args=(seed,)) for seed in range(WRITERS)]
    for each in writers:
        each.start()
    rng = random.Random(1)
    killed = 0
    while any(each.is_alive() for each in writers) and killed < KILLS:
        time.sleep(SECONDS_BETWEEN)
        [installation.kill_web_worker, installation.kill_database_backend, installation.kill_database][killed % 3](rng)
        killed += 1
        if killed == LEAST_KILLS:
            enough.set()
    for each in writers:
        each.join()
    upkeep.kill()
    upkeep.wait()

    assert failures == []
    assert killed >= LEAST_KILLS
    events, claimed, corrections, unclaimed = map(int, (lines := installation.shell(CHECK).splitlines())[-2].split())
    assert (events, claimed, corrections, unclaimed) == (EVENTS, EVENTS, 0, 0)
    assert lines[-1] == "0", "rollups are what the events say"
    # An answer can get lost after the commit, and the retry then says "duplicate": never more than there are.
    assert sum(accepted) <= EVENTS

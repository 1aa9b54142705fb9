"""The published clients in JavaScript, unmodified, against the web server as it is deployed."""

from collections import Counter
from contextlib import ExitStack

import pytest

from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from tests.clients.losing_answers import losing_answers
from tests.clients.running import needs_node_clients, run_client, served
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

pytestmark = [pytest.mark.django_db(transaction=True), needs_node_clients]

UNKNOWN_KEY = "The API key is not known"


@pytest.fixture
def key():
    CustomerFactory(external_id="acme", stripe_customer_id="cus_acme")
    kind = EventTypeFactory(code="request", is_ai_call=False, dimensions=["region"], values=["value", "amount"])
    EventTypeFactory(code="llm_call", dimensions=["provider", "model"])
    MeterFactory(code="requests", event_type=kind, value_property="value")
    return make_api_key("usage:write", "usage:read")[1]


def payloads(source):
    found = [(event_payload(event), event) for event in Event.objects.filter(batch__source=source)]
    return {payload["id"]: (payload, event) for payload, event in found}


def pools(event):
    return event.uncached_input, event.cache_read, event.visible_output, event.reasoning


def test_they_are_served(key):
    with served() as url:
        openmeter, lago, rivals, otlp = (
            {each["step"]: each for each in run_client(f"js/{script}_calls.mjs", URL=url, KEY=key)}
            for script in ("openmeter", "lago", "rival", "otlp")
        )
    check_openmeter(openmeter)
    check_lago(lago)
    check_rivals(rivals)
    check_otlp(otlp)
    # Nothing was refused but what was sent wrong on purpose.
    assert {each.code.partition("_")[0] for each in RejectedEvent.objects.filter(status="open")} == {"missing"}


def check_openmeter(steps):
    for name in ("one", "the same again", "many", "without id, source and time"):
        assert steps[name]["saw"] is None
    assert len(payloads("openmeter")) == 4
    assert (steps["without subject"]["error"], steps["without subject"]["status"]) == ("HTTPError", 400)
    assert "subject is missing" in steps["without subject"]["told"]
    assert steps["wrong key"]["status"] == 401
    assert [meter["slug"] for meter in steps["meters"]["saw"]] == ["requests"]
    assert steps["meter"]["saw"]["eventType"] == "request"
    # Three times 2, and 1.5 without a region.
    assert [row["value"] for row in steps["query"]["saw"]["data"]] == [7.5]
    assert [(row["groupBy"], row["value"]) for row in steps["query by region"]["saw"]["data"]] == [
        ({"region": "eu"}, 6)
    ]
    assert steps["query no meter"]["status"] == 404
    assert [each["event"]["id"] for each in steps["events of a subject"]["saw"]] == ["js-1"]
    assert [each["event"]["subject"] for each in steps["events v2"]["saw"]["items"]] == ["acme", "acme"]
    assert steps["events v2"]["saw"]["nextCursor"]
    assert [each["key"] for each in steps["subjects"]["saw"]] == ["acme"]
    assert steps["subject"]["saw"]["key"] == "acme"
    assert steps["customers"]["saw"]["totalCount"] == 1
    assert steps["customer"]["saw"]["usageAttribution"]["subjectKeys"] == ["acme"]
    assert steps["group by values"]["saw"] == ["eu"]


def check_lago(steps):
    saw = {name: each["saw"] for name, each in steps.items()}
    assert saw["one"]["event"]["transaction_id"] == "js-1"
    assert saw["the same again"]["answer"]["error_details"] == {"transaction_id": ["value_already_exist"]}
    assert [each["transaction_id"] for each in saw["many"]["events"]] == ["js-2", "js-3"]
    assert saw["bad event"]["answer"]["error_details"] == {"code": ["value_is_mandatory"]}
    assert saw["find"] == saw["one"]
    assert [each["code"] for each in saw["metrics"]["billable_metrics"]] == ["requests"]
    assert saw["wrong key"]["status"] == 401
    assert len(payloads("lago")) == 3


def check_rivals(steps):
    saw = {name: each.get("saw") for name, each in steps.items()}
    assert saw["orb"]["debug"] == {"duplicate": [], "ingested": ["a", "b"]}
    assert saw["orb again"]["debug"] == {"duplicate": ["a"], "ingested": ["c"]}
    assert saw["flexprice"] == {"message": "Event accepted for processing", "event_id": "a"}
    assert (saw["polar 0"], saw["polar 0 again"]) == (
        {"inserted": 2, "duplicates": 0},
        {"inserted": 0, "duplicates": 1},
    )
    for version in ("2026-04", "2026-10", "2027-01"):
        assert saw[f"polar {version}"] == {"inserted": 2, "duplicates": 0}
        assert saw[f"polar {version} again"] == {"inserted": 0, "duplicates": 1}
    assert (saw["autumn"]["customerId"], saw["autumn"]["value"], saw["killbill"]) == ("acme", 3, 201)
    assert (saw["autumn tokens"]["customerId"], saw["autumn many"]) == ("acme", {"success": True})
    assert saw["stripe"]["identifier"] == "js-1"
    assert saw["stripe v2"]["object"] == "v2.billing.meter_event"
    assert "already exists with identifier js-1" in steps["stripe again"]["told"]
    errors = {
        "orb bad": "RequestValidationError",
        "orb key": "OrbAuthenticationError",
        "metronome bad": "BadRequestError",
        "metronome key": "AuthenticationError",
        "flexprice bad": "ErrorsErrorsErrorResponse",
        "flexprice key": "SDKError",
        "polar 0 bad": "HTTPValidationError",
        "polar 0 key": "SDKError",
        "polar 2026-10 bad": "HTTPValidationError",
        "polar 2026-10 key": "PolarClientError",
        "autumn bad": "AutumnDefaultError",
        "killbill bad": "AxiosError",
        "stripe bad": "StripeInvalidRequestError",
        "stripe again": "StripeInvalidRequestError",
        "stripe no customer": "StripeInvalidRequestError",
        "stripe meters": "StripeInvalidRequestError",
        "stripe key": "StripeAuthenticationError",
    }
    assert {name: steps[name]["error"] for name in errors} == errors
    for name, each in steps.items():
        if name.endswith(" bad"):
            assert each["status"] in (400, 422)
            assert "is missing" in each["told"]
        if name.endswith(" key"):
            assert each["status"] == 401
            assert UNKNOWN_KEY in each["told"]
    counted = Counter(event.batch.source for event in Event.objects.select_related("batch"))
    assert {name: counted[name] for name in ("orb", "metronome", "flexprice", "polar", "autumn", "killbill")} == {
        "orb": 3, "metronome": 2, "flexprice": 2, "polar": 8, "autumn": 3, "killbill": 1}  # fmt: skip
    assert counted["stripe"] + counted["stripe-stream"] == 4


def check_otlp(steps):
    for name in ("json exporter", "protobuf exporter", "vercel", "openinference", "openllmetry"):
        assert steps[name]["saw"]["code"] == 0, steps[name]
    assert (steps["json key"]["saw"]["status"], steps["protobuf key"]["saw"]["status"]) == (401, 401)
    found = {}
    for payload, event in payloads("otlp").values():
        assert payload["customer"] == "acme"
        assert "secret" not in str(payload)
        found[payload.get("call_id") or payload["properties"]["model"]] = pools(event)
    assert found == {
        "chatcmpl-json": (200, 1000, 350, None),
        "chatcmpl-protobuf": (200, 1000, 350, None),
        "chatcmpl-vercel-1": (60, 40, 5, 5),
        "chatcmpl-vercel-2": (160, 40, 15, 5),
        "chatcmpl-vercel-stream": (260, 40, 25, 5),
        "text-embedding-3-small": (7, None, None, None),
        # OpenInference's says no id of the answer; OpenLLMetry's nothing of the cache.
        "gpt-4o-2024-08-06": (400, 100, 30, 20),
        "chatcmpl-openllmetry": (500, None, 50, None),
    }


def test_what_they_send_again_counts_once(key):
    with ExitStack() as stack:
        url = stack.enter_context(served())
        proxies = {name: stack.enter_context(losing_answers(url)) for name in ("ORB", "METRONOME", "STRIPE", "OTLP")}
        addresses = {name: proxy.url for name, proxy in proxies.items()}
        steps = run_client("js/retry_calls.mjs", KEY=key, URL=url, **addresses)
        assert [each for each in steps if "error" in each] == []
        assert {name: proxy.requests for name, proxy in proxies.items()} == dict.fromkeys(proxies, 2)
    counted = Counter(event.batch.source for event in Event.objects.select_related("batch"))
    assert counted == {"orb": 1, "metronome": 1, "stripe": 1, "otlp": 1}
    assert not RejectedEvent.objects.exists()

"""Kill Bill's usage records."""

import base64

import pytest

from metering.models import Event

pytestmark = pytest.mark.django_db

PATH = "/1.0/kb/usages"
USAGE = {
    "subscriptionId": "acme",
    "trackingId": "t1",
    "unitUsageRecords": [
        {
            "unitType": "api_request",
            "usageRecords": [
                {"recordDate": "2026-01-31", "amount": 5},
                {"recordDate": "2026-02-01T08:00:00Z", "amount": 7},
            ],
        }
    ],
}


def test_records_become_events_with_the_key_as_the_user(send, stored, key):
    basic = base64.b64encode(f"{key[1]}:password".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "X-Killbill-ApiKey": "bob", "X-Killbill-CreatedBy": "me"}
    response = send(PATH, USAGE, headers=headers)
    assert (response.status_code, response.content) == (201, b"")
    assert stored()["t1:0"]["properties"] == {"amount": 5}
    assert stored()["t1:0"]["time"] == "2026-01-31T10:30:00Z"
    assert stored()["t1:1"]["time"] == "2026-02-01T08:00:00Z"


def test_a_tracking_id_that_comes_again_is_refused(send):
    send(PATH, USAGE)
    records = [{"unitType": "api_request", "usageRecords": [{"recordDate": "2026-02-01", "amount": 1}]}]
    for body in (USAGE, {**USAGE, "unitUsageRecords": records}):
        repeat = send(PATH, body)
        assert (repeat.status_code, repeat.json()["code"]) == (400, 50000)
        assert repeat.json()["message"] == "A usage record with tracking ID t1 already exists"
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subscriptionId": None}, "subscriptionId is missing"),
        ({"unitUsageRecords": []}, "unitUsageRecords must be an array"),
        ({"unitUsageRecords": [{"unitType": "x", "usageRecords": [5]}]}, "usageRecords must be an array"),
        (
            {"unitUsageRecords": [{"unitType": "x", "usageRecords": [{"recordDate": "2026-02-31", "amount": 1}]}]},
            "Record 0: recordDate '2026-02-31' is not an instant",
        ),
        (
            {"unitUsageRecords": [{"unitType": "x", "usageRecords": [{"recordDate": "2026-02-01"}]}]},
            "Record 0: amount is missing",
        ),
    ],
)
def test_nothing_is_taken_of_what_cannot_be_read(send, changes, said):
    response = send(PATH, {**USAGE, **changes})
    assert response.status_code == 400
    assert response.json()["message"].startswith(said)
    assert Event.objects.count() == 0

"""What tests of wire formats share: a customer, an event type, and a client that sends with a key."""

import json

import pytest

from metering.models import Event
from metering.queries import event_payload
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key


@pytest.fixture
def key():
    return make_api_key()


@pytest.fixture
def send(client, key):
    """Posts bytes as they are and anything else as JSON, with the key unless other headers are given."""
    CustomerFactory(external_id="acme", stripe_customer_id="cus_acme")
    EventTypeFactory(code="llm_call", aliases=["token-billing-tokens"], dimensions=["provider", "model"])
    EventTypeFactory(code="api_request", dimensions=["region"], values=["value"], is_ai_call=False)

    def post(path, body, *, content_type="application/json", headers=None):
        headers = {"Authorization": f"Bearer {key[1]}"} if headers is None else headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, data=data, content_type=content_type, headers=headers)

    return post


@pytest.fixture
def stored():
    """The documents of all events that were counted, by id."""

    def documents():
        return {document["id"]: document for each in Event.objects.all() if (document := event_payload(each))}

    return documents

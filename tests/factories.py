"""Rows for tests, with values that are right unless a test says otherwise."""

import factory

from customers.models import ApiKey, Customer
from customers.services.api_keys import create_api_key
from metering.models import EventType, Meter


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    external_id = factory.Sequence(lambda n: f"customer-{n}")
    name = factory.LazyAttribute(lambda customer: customer.external_id.title())
    email = factory.LazyAttribute(lambda customer: f"billing@{customer.external_id}.example")


class EventTypeFactory(factory.django.DjangoModelFactory):
    """An AI call, told apart by provider, model and feature."""

    class Meta:
        model = EventType

    code = factory.Sequence(lambda n: f"llm_call_{n}")
    name = factory.LazyAttribute(lambda event_type: event_type.code)
    dimensions = factory.LazyFunction(lambda: ["provider", "model", "feature"])


class MeterFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Meter

    code = factory.Sequence(lambda n: f"meter-{n}")
    name = factory.LazyAttribute(lambda meter: meter.code)
    event_type = factory.SubFactory(EventTypeFactory)
    value_property = "total_tokens"
    unit = "token"


def make_api_key(*scopes: str) -> tuple[ApiKey, str]:
    """A key with these scopes (writing usage if none is named), and its text."""
    return create_api_key(name="test", scopes=scopes or (ApiKey.Scope.USAGE_WRITE,))

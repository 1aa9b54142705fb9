"""What the benchmark's web server runs: amberflow, and beside it two other ways to take the same events in.

`/naive` is what a Django project writes first: a serializer per event, relations looked up by their slugs, and
`bulk_create`. `/orm` is what a competent one writes: msgspec, ids remembered, `bulk_create` in one statement. Both
store an event in a table with the keys and indexes that Django makes, deduplicate, and neither costs nor sums up.
"""

import os
from datetime import datetime
from decimal import Decimal
from typing import Any

import django
import msgspec
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
django.setup()

from django.db import connection, models  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

import amberflow.urls  # noqa: E402
from amberflow.wsgi import application  # noqa: E402
from customers.models import ApiKey, Customer  # noqa: E402
from metering.models import EventType  # noqa: E402


class WideEvent(models.Model):
    """The row that a Django user writes."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="+")
    event_id = models.CharField(max_length=200)
    time = models.DateTimeField(db_index=True)
    value = models.DecimalField(max_digits=38, decimal_places=12)
    properties = models.JSONField()

    class Meta:
        app_label = "metering"
        db_table = "bench_wideevent"
        managed = False
        constraints = [models.UniqueConstraint(fields=["customer", "event_id"], name="bench_wideevent_once")]

    def __str__(self) -> str:
        return self.event_id


class WideEventSerializer(serializers.ModelSerializer[WideEvent]):
    id = serializers.CharField(source="event_id", max_length=200)
    customer = serializers.SlugRelatedField(slug_field="external_id", queryset=Customer.objects)
    type = serializers.SlugRelatedField(source="event_type", slug_field="code", queryset=EventType.objects)
    value = serializers.DecimalField(max_digits=38, decimal_places=12, default=Decimal(1))

    class Meta:
        model = WideEvent
        fields = ["id", "customer", "type", "time", "value", "properties"]
        validators: list[Any] = []


class NaiveView(APIView):
    required_scope = ApiKey.Scope.USAGE_WRITE

    def post(self, request: Request) -> Response:
        serializer = WideEventSerializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        WideEvent.objects.bulk_create([WideEvent(**each) for each in serializer.validated_data], ignore_conflicts=True)
        return Response({"accepted": len(serializer.validated_data)})


class _Item(msgspec.Struct):
    id: str
    customer: str
    type: str
    time: datetime
    properties: dict[str, Any]


_decoder = msgspec.json.Decoder(list[_Item])
_customers: dict[str, int] = {}
_types: dict[str, int] = {}


@csrf_exempt
def orm_view(request: HttpRequest) -> HttpResponse:
    """Decoding without serializers, ids from memory."""
    if not _customers:
        _customers.update(Customer.objects.values_list("external_id", "pk"))
        _types.update(EventType.objects.values_list("code", "pk"))
    one = Decimal(1)
    rows = [
        WideEvent(
            customer_id=_customers[item.customer],
            event_type_id=_types[item.type],
            event_id=item.id,
            time=item.time,
            value=one,
            properties=item.properties,
        )
        for item in _decoder.decode(request.body)
    ]
    WideEvent.objects.bulk_create(rows, ignore_conflicts=True)
    return HttpResponse(b'{"accepted": %d}' % len(rows), content_type="application/json")


def make_wide_table() -> None:
    """With everything that Django makes for it."""
    with connection.schema_editor() as editor:
        editor.create_model(WideEvent)


amberflow.urls.urlpatterns += [path("naive", NaiveView.as_view()), path("orm", orm_view)]
__all__ = ["application", "make_wide_table"]

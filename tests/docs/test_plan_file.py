"""The plan file in the documentation is one, and its example comes out right."""

import re
from pathlib import Path

import pytest

from metering.models import Meter
from pricing.services.plan_files import import_plan, read_plan_file
from pricing.services.plans import find_problems
from tests.factories import EventTypeFactory

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.django_db
def test_the_documented_plan_file_could_be_published():
    event_type = EventTypeFactory()
    Meter.objects.create(
        code="output_tokens", name="Output", event_type=event_type, value_property="output_tokens", unit="token"
    )
    (text,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "plan-files.md").read_text(), re.DOTALL)

    version = import_plan(file=read_plan_file(text))

    assert version.examples.count() == 1
    assert find_problems(version=version) == []

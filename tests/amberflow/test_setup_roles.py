"""The groups of the back office, and what they leave out."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def rights(group):
    permissions = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in permissions}


def test_each_role_has_its_rights(capsys):
    call_command("setup_roles")

    finance, analyst, support = rights("finance"), rights("analyst"), rights("support")
    assert {"invoicing.finalize_invoice", "invoicing.view_cost", "pricing.change_price"} <= finance
    assert "invoicing.view_cost" in analyst
    assert all(name.partition(".")[2].startswith("view_") for name in analyst)
    assert not support & {"invoicing.view_cost", "rating.view_ratedline", "metering.view_costrate"}
    assert {"customers.view_customer", "metering.view_event", "metering.change_rejectedevent"} <= support
    assert not any(name.startswith(("auth.", "djstripe.", "django_q.")) for name in finance | analyst | support)


def test_running_it_again_puts_the_rights_back(capsys):
    call_command("setup_roles")
    before = rights("support")
    Group.objects.get(name="support").permissions.clear()

    call_command("setup_roles")

    assert rights("support") == before
    assert Group.objects.count() == 3

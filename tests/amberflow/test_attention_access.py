"""The needs-attention list names customers: it is for those who may see their invoices."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_staff_without_a_permission_see_no_list(client):
    client.force_login(User.objects.create_user("new", password="x", is_staff=True))
    assert client.get(reverse("admin:needs_attention")).status_code == 403
    dashboard = client.get(reverse("admin:index"))
    assert dashboard.status_code == 200
    assert dashboard.context["rows"] == []


def test_an_administrator_sees_it(admin_client):
    assert admin_client.get(reverse("admin:needs_attention")).status_code == 200

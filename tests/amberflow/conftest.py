"""What tests of the back office start from: the small company of `tests.office`, and people of each role."""

from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from tests.office import NOW, Office


@pytest.fixture
def office(db):
    """The company, with the clock standing at its noon."""
    cache.clear()
    with time_machine.travel(NOW, tick=False):
        yield Office()


@pytest.fixture
def admin_client(db):
    """A superuser, logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def client_of(db):
    """Logs a member of a group in."""

    def log_in(role):
        call_command("setup_roles", stdout=StringIO())
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return log_in

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from amberflow.tasks import clear_expired_sessions


@pytest.mark.django_db
def test_only_log_ins_that_are_over_are_deleted():
    now = timezone.now()
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="valid", session_data="", expire_date=now + timedelta(days=1))
    assert clear_expired_sessions() == "1 sessions deleted"
    assert Session.objects.get().session_key == "valid"

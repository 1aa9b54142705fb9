"""Corrections and rejected events in a real browser, light and dark: no script complains."""

from django.urls import reverse

from metering.models import CorrectionRun, Event, QuarantineRun, RejectedEvent
from metering.rejected import open_groups
from metering.services.correct_events import void_events
from metering.services.fix_rejected import dismiss_group
from tests.browser import test_back_office as back_office
from tests.browser.test_back_office import picture
from tests.office import NOW

pytestmark = back_office.pytestmark
browser, office = back_office.browser, back_office.office

SUBMIT = "document.querySelector('form[enctype] button[type=submit]').click()"


def reject(number, code, customer, type_ref, message):
    RejectedEvent.objects.create(
        digest=f"00000000-0000-0000-0000-{number:012}",
        code=code,
        source="native",
        customer_ref=customer,
        event_id=f"call-{number}",
        message=message,
        payload={"id": f"call-{number}", "customer": customer, "type": type_ref, "properties": {"model": "alpha"}},
        first_seen_at=NOW,
        last_seen_at=NOW,
        times_seen=number % 3 + 1,
    )


def test_corrections_and_rejected_events_work_without_a_complaint(office, browser, live_server):
    for number in range(12):
        reject(number, "unknown_customer", "globex", "llm_call", "customer 'globex' is not known; make a customer.")
        reject(100 + number, "unknown_type", "north", "image_gen", "type 'image_gen' is no event type; add it.")
    reject(300, "invalid_number", "north", "llm_call", "input_tokens '12k' is not a number.")
    dismiss_group(group=open_groups()[-1].group, made_by="boss", reason="the gateway's own test")
    july, *august = Event.objects.filter(series__customer=office.north).order_by("key")
    void_events(keys=[august[0].pk], reason="a load test that went to production", made_by="boss")
    pages = {
        "events": f"{reverse('admin:metering_event_changelist')}?day=90d",
        "event-voided": reverse("admin:metering_event_change", args=[august[0].pk]),
        "corrections": reverse("admin:metering_correctionrun_changelist"),
        "correction": reverse("admin:metering_correctionrun_change", args=[CorrectionRun.objects.get().pk]),
        "replace": reverse("admin:replace_event", args=[july.pk]),
        "void-window": reverse("admin:void_window"),
        "backfill": reverse("admin:backfill"),
        "rejected-groups": reverse("admin:rejected_groups"),
        "rejected-group": f"{reverse('admin:rejected_group')}?code=unknown_customer&source=native&customer_ref=globex"
        "&type_ref=llm_call",
        "rejected-list": reverse("admin:metering_rejectedevent_changelist"),
        "quarantine-run": reverse("admin:metering_quarantinerun_change", args=[QuarantineRun.objects.get().pk]),
        "policy": reverse("admin:metering_ingestionpolicy_changelist"),
    }
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        for name, page in pages.items():
            browser.open(f"{live_server.url}{page}")
            picture(browser, f"{name}-{scheme}")
            assert browser.complaints == [], name
        browser.open(f"{live_server.url}{pages['replace']}")
        browser.evaluate(
            "document.querySelector('textarea[name=properties]').value = "
            '\'{"provider": "acme", "model": "alpha", "input_tokens": 500000, "output_tokens": 0}\''
        )
        browser.click_to_load(SUBMIT)
        assert "-9.00 USD" in browser.evaluate("document.body.innerText")
        picture(browser, f"replace-effect-{scheme}")
    assert browser.complaints == []

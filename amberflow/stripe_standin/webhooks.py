"""Signed delivery of events: one background thread, in order for each endpoint, with retries."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.store import Delivery, Obj, Store

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
MAX_ATTEMPTS = 12  # some two and a half minutes from the first to the last
UNREACHABLE_PAUSE = 0.5
TIMEOUT = 15.0


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header: HMAC-SHA256 over `<timestamp>.<payload>`."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def pause_before(attempt: int) -> float:
    """Seconds between a failed attempt and the next, doubling: 0.2 before the second, at most 30."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 2))


class Deliverer:
    """Delivers what the store has queued until it is stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="stripe-standin-webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; a delivery under way counts as not made, and is made again after a restart."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            waiting = self._store.next_deliveries()
            due = [delivery for delivery in waiting if delivery.due <= time.time()]
            for delivery in due:
                if self._stopping.is_set():
                    return
                self._attempt(delivery)
            if not due:
                self._wake.wait(max(0.01, waiting[0].due - time.time()) if waiting else None)

    def _attempt(self, delivery: Delivery) -> None:
        endpoint, event = self._store.get(delivery.endpoint), self._store.get(delivery.event)
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            self._store.settle(delivery, "cancelled")
            return
        reached, accepted = _post(endpoint, json.dumps(show(self._store, event)).encode())
        if self._stopping.is_set():
            return
        attempts = delivery.attempts + 1
        if accepted:
            self._store.settle(delivery, "delivered")
        elif not reached:
            # A server that is not up costs no attempt: its events wait for it, in order.
            self._store.postpone(delivery, attempts=delivery.attempts, due=time.time() + UNREACHABLE_PAUSE)
        elif attempts >= MAX_ATTEMPTS:
            self._store.settle(delivery, "failed")
        else:
            self._store.postpone(delivery, attempts=attempts, due=time.time() + pause_before(attempts + 1))


def _post(endpoint: Obj, payload: bytes) -> tuple[bool, bool]:
    """`(somebody was listening, and said yes)`. No proxy, no redirect: it goes to this address or nowhere."""
    parts = urlsplit(endpoint["url"])
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=TIMEOUT)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sign(payload, endpoint["_secret"], int(time.time())),
        "User-Agent": "Stripe/1.0 (stand-in)",
    }
    try:
        try:
            connection.connect()
        except OSError:
            return False, False
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else "") or "/", payload, headers)
        return True, 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return True, False
    finally:
        connection.close()

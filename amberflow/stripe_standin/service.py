"""One API call from its text to its answer: key, idempotency, faults asked for by a test, effect, log."""

import base64
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.api import Api
from amberflow.stripe_standin.errors import (
    AuthenticationError,
    CardError,
    IdempotencyError,
    ParameterError,
    StripeError,
)
from amberflow.stripe_standin.present import expand
from amberflow.stripe_standin.routes import resolve
from amberflow.stripe_standin.store import Store

KEY_LIMIT = 255
LOG_LENGTH = 10_000
EXPAND = forms.list_of(forms.text)


@dataclass(frozen=True)
class Call:
    """An API request. `form` holds query and body together; `authorization` is the header as it came."""

    method: str
    path: str
    form: forms.Form
    base_url: str
    authorization: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Answer:
    """`status` None: close the connection without a word."""

    status: int | None
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class LoggedRequest(NamedTuple):
    """What a client asked and the status that it was answered (None: the connection was cut)."""

    method: str
    path: str
    params: dict[str, Any]
    idempotency_key: str | None
    status: int | None


@dataclass
class Fault:
    """An answer to be withheld, before or after the call had its effect, `times` times."""

    path: re.Pattern[str]
    method: str | None
    status: int | None
    after_effect: bool
    retryable: bool
    times: int


class Service:
    """Answers calls on a store. Thread-safe; `on_change` is called when events may have been queued."""

    def __init__(self, store: Store, *, on_change: Callable[[], None]) -> None:
        self._store, self.changed = store, on_change
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._log: deque[LoggedRequest] = deque(maxlen=LOG_LENGTH)

    @property
    def log(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._log)

    def add_fault(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def answer(self, call: Call) -> Answer:
        """The answer to a call, after a fault that matches it took its toll."""
        fault = self._take_fault(call)
        if fault is not None and not fault.after_effect:
            answer = _faulty(fault)
        else:
            answer = self._answer(call)
            if call.method != "GET":
                self.changed()
            if fault is not None:
                answer = _faulty(fault)
        key = call.idempotency_key
        with self._lock:
            self._log.append(LoggedRequest(call.method, call.path, forms.plain(call.form), key, answer.status))
        return answer

    def _answer(self, call: Call) -> Answer:
        key = call.idempotency_key if call.method == "POST" else None
        fingerprint = _fingerprint(call)
        try:
            _check_authorization(call.authorization)
            if key is not None and not 1 <= len(key) <= KEY_LIMIT:
                raise IdempotencyError(f"Idempotency keys have from 1 to {KEY_LIMIT} characters, not {len(key)}.")
            with self._store.transaction():
                earlier = self._recall(key, fingerprint)
                if earlier is not None:
                    return earlier
                answer = self._perform(call, key)
                if key is not None and answer.status is not None:
                    self._store.remember(key, fingerprint, answer.status, answer.body)
            return answer
        except StripeError as error:
            answer = Answer(error.status, json.dumps(error.body))
            if key is not None and error.remembered:
                with self._store.transaction():
                    self._store.remember(key, fingerprint, error.status, answer.body)
            return answer

    def _recall(self, key: str | None, fingerprint: str) -> Answer | None:
        earlier = self._store.recall(key) if key is not None else None
        if earlier is None:
            return None
        known, status, body = earlier
        if known != fingerprint:
            raise IdempotencyError(
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request."
            )
        return Answer(status, body, (("Idempotent-Replayed", "true"),))

    def _perform(self, call: Call, key: str | None) -> Answer:
        handler, identifiers = resolve(call.method, call.path)
        form = dict(call.form)
        paths = EXPAND(form.pop("expand", ""), "expand")
        try:
            body = handler(Api(self._store, call.base_url, key), form, *identifiers)
        except CardError as declined:
            # Caught inside the transaction: the failed attempt itself is to be kept.
            return Answer(declined.status, json.dumps(declined.body))
        return Answer(200, json.dumps(expand(self._store, body, paths)))

    def _take_fault(self, call: Call) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.path.search(call.path) and fault.method in (None, call.method):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None


def read_form(query: str, body: str) -> forms.Form:
    """The parameters of a request, wherever they were sent. Raises ParameterError."""
    return {**forms.parse(query), **forms.parse(body)}


def refusal(error: ParameterError) -> Answer:
    """The answer to a request that could not even be read."""
    return Answer(error.status, json.dumps(error.body))


def _check_authorization(header: str) -> None:
    scheme, _, key = header.partition(" ")
    if scheme == "Basic":
        # As `curl -u sk_test_…:` sends it: the key is the user name.
        key = base64.b64decode(key + "==").decode(errors="replace").partition(":")[0]
    if scheme not in ("Bearer", "Basic") or not key:
        raise AuthenticationError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer sk_test_…')."
        )
    if not re.fullmatch(r"(sk|rk)_test_\w+", key):
        raise AuthenticationError(
            f"Invalid API Key provided: {key[:8]}****. The stand-in takes any test key (sk_test_…) and no live key."
        )


def _fingerprint(call: Call) -> str:
    text = json.dumps([call.method, call.path, call.form], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _faulty(fault: Fault) -> Answer:
    error = {"type": "api_error", "message": "A fault that a test asked the stand-in for."}
    should_retry = "true" if fault.retryable else "false"
    return Answer(fault.status, json.dumps({"error": error}), (("Stripe-Should-Retry", should_retry),))

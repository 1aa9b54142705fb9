"""The whole stand-in as one object, for the command line and for tests."""

import re
import threading
import time
from pathlib import Path
from types import TracebackType

from amberflow.stripe_standin.present import show
from amberflow.stripe_standin.server import Server
from amberflow.stripe_standin.service import Fault, LoggedRequest, Service
from amberflow.stripe_standin.store import Obj, Store
from amberflow.stripe_standin.webhooks import Deliverer


class StandIn:
    """Serves between `start` and `stop`, or inside a `with` block.

    `port` 0 takes a free one; `state` None forgets everything at the end; `public_url` is written into the
    addresses of invoice pages in place of the address that the caller used.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state: Path | str | None = None,
        public_url: str | None = None,
    ) -> None:
        """Opens the state and the port. Raises StateError or OSError (the port is taken)."""
        self._store = Store(Path(state) if state is not None else None)
        self._deliverer = Deliverer(self._store)
        self._service = Service(self._store, on_change=self._deliverer.wake)
        try:
            self._server = Server((host, port), self._store, self._service, public_url and public_url.rstrip("/"))
        except OSError:
            self._store.close()
            raise
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="stripe-standin",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """The address to set as `stripe.api_base`, without a slash at its end."""
        return f"http://{self._server.server_name}:{self._server.server_port}"

    def start(self) -> "StandIn":
        self._thread.start()
        self._deliverer.start()
        return self

    def stop(self) -> None:
        """Answer nothing more, close connections and state. Undelivered webhooks stay in a state file."""
        self._server.shutdown()
        self._thread.join()
        self._deliverer.stop()
        self._server.server_close()
        self._store.close()

    def __enter__(self) -> "StandIn":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- for tests --------------------------------------------------------------------------------------
    def objects(self, kind: str) -> list[Obj]:
        """Everything of a kind ("invoice", "customer", "event", …) as the API shows it, the oldest first."""
        return [show(self._store, obj) for obj in self._store.find(kind) if not obj.get("deleted")]

    @property
    def requests(self) -> list[LoggedRequest]:
        """The API requests so far, as (method, path, params, idempotency_key, status)."""
        return self._service.log

    def fail_next(
        self,
        path_regex: str,
        *,
        status: int | None = 500,
        after_effect: bool = False,
        method: str | None = None,
        times: int = 1,
        retryable: bool = False,
    ) -> None:
        """Answer the next calls whose path matches with an error, instead of the effect or after it happened.

        `status` None cuts the connection. `retryable` False tells Stripe's client to hand the error to its
        caller; otherwise, and when the connection is cut, the client itself tries again with the same key.
        """
        self._service.add_fault(Fault(re.compile(path_regex), method, status, after_effect, retryable, times))

    def wait_until_delivered(self, timeout: float = 5.0) -> bool:
        """Whether every webhook was delivered, or given up, within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._store.pending_deliveries():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

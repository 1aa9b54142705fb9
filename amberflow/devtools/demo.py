"""`make demo`: the whole installation in one terminal, until Ctrl-C."""

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from django.core.exceptions import ImproperlyConfigured

from amberflow import devdb
from amberflow.devtools.children import Child, ChildFailedError, meanwhile, run, run_on_screen, spawn, wait_for
from amberflow.devtools.cluster import server_pid
from amberflow.devtools.console import Steps, box, say
from amberflow.devtools.places import home, log_dir
from amberflow.devtools.ports import PortTakenError, ensure_free
from amberflow.devtools.record import DemoRunsError, only_demo, remember, stop_orphans
from amberflow.environment import env, integer, is_local, local_secret

STANDIN_KEY = "sk_test_" + "standin" * 4
COMMANDS = [sys.executable, "-m", "amberflow.devtools.manage"]


class Demo:
    """The demo's processes and what they are told."""

    def __init__(self) -> None:
        self.port = integer("AMBERFLOW_PORT", default=8000, minimum=1)
        self.stripe_port = integer("AMBERFLOW_STRIPE_PORT", default=8421, minimum=1)
        self.own_database = is_local()
        self.standin = not env.str("STRIPE_SECRET_KEY", default="") and not env.str("STRIPE_API_HOST", default="")
        self.address = f"http://127.0.0.1:{self.port}"
        self.public = bool(env.str("PUBLIC_URL", default=""))
        self.env = self._environment()
        self.children: list[Child] = []
        self.ways_in = ""

    def _environment(self) -> dict[str, str]:
        """What the processes are told; whatever the user has set wins."""
        told = {
            "AMBERFLOW_PORT": str(self.port),
            "AMBERFLOW_STRIPE_PORT": str(self.stripe_port),
            "PUBLIC_URL": self.address,
        }
        if self.standin:
            told |= {"STRIPE_API_HOST": f"http://127.0.0.1:{self.stripe_port}", "STRIPE_SECRET_KEY": STANDIN_KEY}
        if not self.own_database:
            told |= {
                "SECRET_KEY": local_secret(home() / "secret_key"),
                "ALLOWED_HOSTS": "127.0.0.1,localhost",
                "SELLER_NAME": "Amber Cloud, Inc.",
                "SELLER_ADDRESS": "1 Market Street\nSan Francisco, CA 94105\nUnited States",
                "SELLER_EMAIL": "billing@ambercloud.example",
            }
            if self.public:
                del told["ALLOWED_HOSTS"]
        fixed = {"DJANGO_SETTINGS_MODULE": "amberflow.settings", "PYTHONUNBUFFERED": "1"}
        return told | {name: value for name, value in os.environ.items() if value} | fixed

    def run(self) -> None:
        """Everything, from the ports to Ctrl-C. Raises what it cannot go on with."""
        log_dir().mkdir(exist_ok=True)
        left = stop_orphans()
        if left:
            say(f"Stopped what an earlier demo left running: {', '.join(left)}.")
        ensure_free(self.port, variable="AMBERFLOW_PORT")
        if self.standin:
            ensure_free(self.stripe_port, variable="AMBERFLOW_STRIPE_PORT")
        begin = time.monotonic()
        steps = Steps(4 + self.own_database + self.standin)
        with contextlib.ExitStack() as last:
            try:
                if self.own_database:
                    with steps.step("Start the database") as notes:
                        last.callback(self._say_what_became_of_the_database)
                        notes.append("started" if last.enter_context(devdb.in_use()) else "was running already")
                        if devdb.create_database():
                            notes.append("made a new, empty one")
                self._start(steps)
                say(f"\nReady after {time.monotonic() - begin:.0f} s.\n{box(self._ways_in())}")
                self._watch()
            finally:
                self._stop()

    def _start(self, steps: Steps) -> None:
        with (
            steps.step("Bring tables, static files and schedules up to date"),
            meanwhile("static files", [*COMMANDS, "collectstatic", "--no-input"], env=self.env),
        ):
            run("tables", [*COMMANDS, "migrate", "--no-input", "--", "setup_schedules"], env=self.env)
        if self.standin:
            state = ["--state", str(home() / "stripe.sqlite3")]
            with steps.step("Start the Stripe stand-in"):
                words = [sys.executable, "-m", "amberflow.stripe_standin", "--port", str(self.stripe_port), *state]
                wait_for(self._spawn("Stripe stand-in", words), f"http://127.0.0.1:{self.stripe_port}/healthz")
        with steps.step("Start the web server"):
            wait_for(self._spawn("web server", self._web_server()), f"{self.address}/livez")
        with steps.step("Load the demo company", streams=True):
            words = [*(["setup_stripe", "--"] if self._webhooks_reach_us() else []), "seed_demo"]
            self.ways_in = run_on_screen("seed_demo", [*COMMANDS, *words], env=self.env, until="  Back office")
        with steps.step("Start the task worker"):
            self._spawn("task worker", [sys.executable, "manage.py", "qcluster"])

    def _web_server(self) -> list[str]:
        granian = str(Path(sys.executable).with_name("granian"))
        size = ["--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers"]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [granian, "--interface", "wsgi", *where, *size, "amberflow.wsgi:application"]

    def _webhooks_reach_us(self) -> bool:
        """Whether Stripe, real or stand-in, can call this installation."""
        return self.standin or self.public

    def _spawn(self, name: str, words: list[str]) -> Child:
        child = spawn(name, words, env=self.env)
        self.children.append(child)
        remember(self.address, self.children)
        return child

    def _ways_in(self) -> list[str]:
        found = [line.strip() for line in self.ways_in.splitlines() if line.strip()]
        pairs = [tuple(re.split(r"\s{2,}", line, maxsplit=1)) for line in found]
        lines = [f"{pair[0]:<24}{pair[1]}" if len(pair) == 2 else pair[0] for pair in pairs]
        lines.append(f"{'API documentation':<24}{self.address}/api/docs/")
        if self.standin:
            lines.append(f"{'Stripe stand-in':<24}http://127.0.0.1:{self.stripe_port}")
        elif not self._webhooks_reach_us():
            lines.append("Stripe cannot call this machine: set PUBLIC_URL to an address it can reach.")
        return [*lines, f"{'Logs':<24}{log_dir()}", "", "Ctrl-C stops everything."]

    def _watch(self) -> None:
        while True:
            for child in self.children:
                failure = child.failure()
                if failure:
                    raise ChildFailedError(failure)
            if self.own_database and not server_pid():
                raise ChildFailedError(f"The database is gone; see {log_dir() / 'postgres.log'}.")
            time.sleep(0.5)

    def _stop(self) -> None:
        """Worker first, database last; a second Ctrl-C does not hurry it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say()
        for child in reversed(self.children):
            child.stop()
            say(f"{child.name} stopped")

    def _say_what_became_of_the_database(self) -> None:
        say("database " + ("still runs, for others who use it" if server_pid() else "stopped"))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """0 after Ctrl-C or SIGTERM; 1 with a message when something failed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        demo = Demo()
        with only_demo(demo.address):
            demo.run()
    except KeyboardInterrupt:
        return 0
    except (ChildFailedError, DemoRunsError, PortTakenError, ImproperlyConfigured, devdb.DevDatabaseError) as error:
        say(f"\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

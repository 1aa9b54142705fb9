"""A headless Chromium, spoken to over its debugging pipe with the standard library alone."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# The debugging pipe is file descriptors 3 (commands) and 4 (answers) of the browser.
START = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
ANSWER_WITHIN_S = 60


def find_chromium():
    """The path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of one browser. `complaints` collects what its console and its network said was wrong."""

    def __init__(self, path):
        self.complaints = []
        self._number = 0
        self._buffer = b""
        self._profile = tempfile.TemporaryDirectory(prefix="amberflow-browser-", ignore_cleanup_errors=True)
        profile = f"--user-data-dir={self._profile.name}"
        commands_read, self._commands = os.pipe()
        self._answers, answers_write = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                START,
                str(commands_read),
                str(answers_write),
                path,
                *SWITCHES,
                profile,
                "about:blank",
            ],
            pass_fds=(commands_read, answers_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_read)
        os.close(answers_write)
        self._session = None
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self):
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def close(self):
        """End the browser and forget its profile."""
        with contextlib.suppress(OSError, TimeoutError):
            self._session = None
            self._ask("Browser.close")
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._profile.cleanup()

    def set_cookie(self, name, value, address):
        """Give the page a cookie for an address."""
        self._ask("Network.setCookie", {"name": name, "value": value, "url": address})

    def prefer(self, scheme):
        """Show pages as to somebody who prefers `light` or `dark`."""
        self._ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, address, *, width=1440, height=1000):
        """Load a page, and wait until its scripts ran."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", metrics)
        self._ask("Page.navigate", {"url": address})
        self._wait_for("Page.loadEventFired")
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def click_to_load(self, script):
        """Run a script that makes the page load another, and wait until that one's scripts ran."""
        self.evaluate(script)
        self._wait_for("Page.loadEventFired")
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def evaluate(self, script):
        """The value of a JavaScript expression in the page."""
        given = {"expression": script, "awaitPromise": True, "returnByValue": True}
        return self._ask("Runtime.evaluate", given)["result"].get("value")

    def screenshot(self):
        """The page as PNG bytes."""
        return base64.b64decode(self._ask("Page.captureScreenshot", {"format": "png"})["data"])

    def _ask(self, method, parameters=None):
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": parameters or {}}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        for message in self._messages():
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
        raise AssertionError("unreachable: messages end with an error")

    def _wait_for(self, method):
        for message in self._messages():
            if message.get("method") == method:
                return

    def _messages(self):
        end = time.monotonic() + ANSWER_WITHIN_S
        while True:
            while b"\0" in self._buffer:
                text, _, self._buffer = self._buffer.partition(b"\0")
                message = json.loads(text)
                self._note(message)
                yield message
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser did not answer")
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise OSError("the browser has ended")
            self._buffer += part

    def _note(self, message):
        method, given = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(given["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "assert"):
            self.complaints.append(str(given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Network.responseReceived" and given["response"]["status"] >= 400:
            self.complaints.append(f"{given['response']['status']} {given['response']['url']}")

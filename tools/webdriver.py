"""Firefox and WebKit for tests, with a page that has the names of playwright's in Chromium.

Playwright brings browsers of its own; these are those of the system. WebDriver is what they speak:
JSON, over a socket to Firefox, over HTTP to WebKit.
"""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import websocket

# WebDriver's characters for keys.
KEYS = {"Control": "\ue009", "Home": "\ue011", "ArrowLeft": "\ue012"}


class WebDriverError(RuntimeError):
    """A browser's answer when it cannot do what it was asked."""


class WebDriverPage:
    """The one page of a browser that is driven by WebDriver.

    It has those methods of playwright's page, under the same names, that tests in all browsers use.
    A browser says how to go to an address, to call a function with a text and to perform actions.
    """

    def __init__(self):
        self.keyboard = self

    def evaluate(self, function: str, arg=None):
        """Call a function of the page, or read a value; wait for it and return what JSON holds."""
        answer = self._call(
            f"""async (arg) => {{
                try {{
                    let value = {function.strip()};
                    if (typeof value === "function") value = value(JSON.parse(arg));
                    return JSON.stringify([(await value) ?? null, null]);
                }} catch (error) {{
                    return JSON.stringify([null, String(error)]);
                }}
            }}""",
            json.dumps(arg),
        )
        value, error = json.loads(answer)
        if error:
            raise RuntimeError(error)
        return value

    def eval_on_selector_all(self, selector: str, function: str):
        """Call a function of the page with all elements of a kind."""
        all_of = f"selector => ({function})([...document.querySelectorAll(selector)])"
        return self.evaluate(all_of, selector)

    def wait_for_function(self, function: str, arg=None, seconds: float = 30) -> None:
        """Wait until a function of the page gives something, also over a change of the page."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(WebDriverError):  # there is no page for a moment
                if self.evaluate(f"async (arg) => Boolean(await ({function})(arg))", arg):
                    return
            if time.monotonic() > end:
                raise TimeoutError(f"{seconds} s have passed, and still not: {function}")
            time.sleep(0.02)

    def set_content(self, html: str) -> None:
        self.goto("about:blank")
        self.evaluate("html => { document.open(); document.write(html); document.close(); }", html)

    def click(self, selector: str) -> None:
        """Move the pointer to the first element of that kind that is shown, and click."""
        find = """selector => {
            const shown = (element) => element.getClientRects().length > 0;
            const found = [...document.querySelectorAll(selector)].find(shown);
            found?.scrollIntoView({ block: "center", behavior: "instant" });
            const box = found?.getClientRects()[0];
            return box && [box.x + box.width / 2, box.y + box.height / 2].map(Math.round);
        }"""
        self.wait_for_function(find, selector)
        x, y = self.evaluate(find, selector)
        move = {"type": "pointerMove", "x": x, "y": y, "duration": 0}
        actions = [move, *({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))]
        self._act([{"type": "pointer", "id": "mouse", "actions": actions}])

    def press(self, keys: str) -> None:
        """Press keys together, as "Control+C"."""
        values = [KEYS.get(key, key.lower()) for key in keys.split("+")]
        actions = [{"type": "keyDown", "value": value} for value in values]
        actions += [{"type": "keyUp", "value": value} for value in reversed(values)]
        self._act([{"type": "key", "id": "keyboard", "actions": actions}])

    def type(self, text: str) -> None:
        ways = ("keyDown", "keyUp")
        actions = [{"type": way, "value": character} for character in text for way in ways]
        self._act([{"type": "key", "id": "keyboard", "actions": actions}])


class Firefox(WebDriverPage):
    """Firefox without a window, by WebDriver BiDi, which needs no driver beside the browser."""

    @staticmethod
    def find() -> str | None:
        """Return the path of the browser; None where there is none."""
        return shutil.which("firefox-esr") or shutil.which("firefox")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            profile = stack.enter_context(folder)
            command = [self.find(), "--headless", "--no-remote", "--remote-debugging-port=0"]
            running = stack.enter_context(start([*command, "--profile", profile]))
            report = Path(profile, "WebDriverBiDiServer.json")
            until(lambda: report.exists() and report.read_text(), running)
            at = json.loads(report.read_text())
            url = f"ws://{at['ws_host']}:{at['ws_port']}/session"
            link = websocket.create_connection(url, timeout=120, suppress_origin=True)
            self._socket = stack.enter_context(contextlib.closing(link))
            self._send("session.new", capabilities={})
            # A tab that was opened later has the focus, also where nobody sees it.
            self._context = self._send("browsingContext.create", type="tab")["context"]
            stack.callback(self._send, "browser.close")
            self.set_viewport_size({"width": 1280, "height": 900})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _send(self, method: str, **params) -> dict:
        self._socket.send(json.dumps({"id": 1, "method": method, "params": params}))
        answer = json.loads(self._socket.recv())
        if answer["type"] == "error":
            raise WebDriverError(answer["message"])
        return answer["result"]

    def _call(self, function: str, arg: str) -> str:
        answer = self._send(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": arg}],
            awaitPromise=True,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"]["value"]

    def _act(self, actions: list[dict]) -> None:
        self._send("input.performActions", context=self._context, actions=actions)

    def goto(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def set_viewport_size(self, size: dict[str, int]) -> None:
        self._send("browsingContext.setViewport", context=self._context, viewport=size)

    def screenshot(self, path: str) -> None:
        picture = self._send("browsingContext.captureScreenshot", context=self._context)
        Path(path).write_bytes(base64.b64decode(picture["data"]))


class WebKit(WebDriverPage):
    """WebKit in its small browser, by its own driver, on a display that nobody sees."""

    @staticmethod
    def find() -> str | None:
        """Return the path of the driver; None where it or the display is missing."""
        return shutil.which("Xvfb") and shutil.which("WebKitWebDriver")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            command = ["Xvfb", "-displayfd", "1", "-screen", "0", "2000x1200x24"]
            display = stack.enter_context(start(command, stdout=subprocess.PIPE, text=True))
            number = display.stdout.readline().strip()
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            environment = os.environ | {"DISPLAY": f":{number}"}
            command = [self.find(), f"--port={port}"]
            driver = stack.enter_context(start(command, env=environment))
            until(lambda: answers(port), driver)
            self._driver = HTTPConnection("127.0.0.1", port, timeout=120)
            self._session = "/session"
            self._session += "/" + self._send("POST", "", {"capabilities": {}})["sessionId"]
            stack.callback(self._send, "DELETE", "")
            self.set_viewport_size({"width": 1280, "height": 900})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _send(self, method: str, path: str, body: dict | None = None):
        with contextlib.closing(self._driver) as driver:  # each request opens it again
            driver.request(method, self._session + path, body and json.dumps(body))
            answer = json.load(driver.getresponse())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise WebDriverError(answer["message"])
        return answer

    def _call(self, function: str, arg: str) -> str:
        script = f"({function})(arguments[0]).then(arguments[1])"
        return self._send("POST", "/execute/async", {"script": script, "args": [arg]})

    def _act(self, actions: list[dict]) -> None:
        self._send("POST", "/actions", {"actions": actions})

    def goto(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def set_viewport_size(self, size: dict[str, int]) -> None:
        """Make the window as large as that; no narrower than the browser's bar of buttons."""
        bar = self._send("GET", "/window/rect")["height"] - self.evaluate("innerHeight")
        self._send("POST", "/window/rect", size | {"height": size["height"] + bar})
        self.wait_for_function("width => innerWidth >= width", size["width"])

    def screenshot(self, path: str) -> None:
        Path(path).write_bytes(base64.b64decode(self._send("GET", "/screenshot")))


@contextlib.contextmanager
def start(command: list[str], **options) -> Iterator[subprocess.Popen]:
    """Start a program that says nothing; end it afterwards."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet | options) as running:
        try:
            yield running
        finally:
            running.terminate()


def until(happened: Callable[[], object], running: subprocess.Popen) -> None:
    """Wait until a program that runs has made something happen."""
    while not happened():
        if running.poll() is not None:
            raise RuntimeError(f"{running.args[0]} ended before it could be driven")
        time.sleep(0.05)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False

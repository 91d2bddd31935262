"""Headless Chromium: echo, and close events as the page sees them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from conftest import RelayFactory
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from support.certificates import Pair

# Opens a socket, sends what it is told, and reports what the page saw until the close event.
PAGE = """
const [url, messages, close, done] = arguments;
const socket = new WebSocket(url), seen = [];
socket.binaryType = "arraybuffer";
socket.onopen = () => {
  for (const message of messages) socket.send(message);
  if (!messages.length && close) socket.close(...close);
};
socket.onmessage = (event) => {
  seen.push(event.data);
  if (seen.length === messages.length && close) socket.close(...close);
};
socket.onclose = (event) =>
  done({ seen, code: event.code, reason: event.reason, clean: event.wasClean });
"""

ROUTES = """
[[route]]
path = "/echo"
mode = "echo"
max_message_size = "64KiB"

[[route]]
path = "/impatient"
mode = "echo"
idle_timeout = "300ms"
"""


class EmptyPage(BaseHTTPRequestHandler):
    """The page the sockets are opened from."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>test</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """A page on loopback: Chromium lets no page from elsewhere, about:blank included, reach it."""
    server = HTTPServer(("127.0.0.1", 0), EmptyPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(20)
    server.server_close()


@pytest.fixture(scope="module")
def browser(page: str) -> Iterator[webdriver.Chrome]:
    for command in ("chromium", "chromedriver"):
        assert shutil.which(command), f"no {command}: run scripts/deps browser"
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-proxy-server",
        # For an authority that only these tests trust.
        "--ignore-certificate-errors",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(20)
    driver.get(page)
    yield driver
    driver.quit()


def visit(
    browser: webdriver.Chrome, url: str, messages: list[str], close: list[Any] | None
) -> dict[str, Any]:
    seen: dict[str, Any] = browser.execute_async_script(PAGE, url, messages, close)
    return seen


def test_echo_and_close(browser: webdriver.Chrome, page: str, relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    messages = ["hello", "grüße", "x" * 60000]
    saw = visit(browser, daemon.url(), messages, [4001, "done"])
    # The relay's answer echoes the code alone, and a page is shown the answer.
    assert saw == {"seen": messages, "code": 4001, "reason": "", "clean": True}
    record = daemon.closed()
    assert record["WSRELAY_CODE_RECEIVED"] == "4001"
    assert record["WSRELAY_REASON_RECEIVED"] == "done"
    assert record["WSRELAY_CLEAN"] == "yes"
    assert "Chrom" in record["WSRELAY_USER_AGENT"]
    assert record["WSRELAY_ORIGIN"] == page


def test_wss(browser: webdriver.Chrome, relay: RelayFactory, local: Pair) -> None:
    daemon = relay(f'{ROUTES}\n[[listen]]\naddress = "127.0.0.1:PORT"\ntls = {local.toml}\n')
    messages = ["hello", "x" * 60000]
    url = f"wss://127.0.0.1:{daemon.port}/echo"
    saw = visit(browser, url, messages, [4001, "done"])
    assert saw == {"seen": messages, "code": 4001, "reason": "", "clean": True}
    assert daemon.closed()["WSRELAY_CLEAN"] == "yes"


def test_close_without_code(browser: webdriver.Chrome, relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    saw = visit(browser, daemon.url(), [], [])
    assert (saw["code"], saw["clean"]) == (1005, True)
    assert daemon.closed()["WSRELAY_CLOSE_CODE"] == "1005"


def test_relay_closes_the_idle_page(browser: webdriver.Chrome, relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    saw = visit(browser, daemon.url("/impatient"), [], None)
    assert saw == {"seen": [], "code": 1001, "reason": "idle timeout", "clean": True}
    assert daemon.closed()["WSRELAY_CAUSE"] == "idle-timeout"


def test_too_big(browser: webdriver.Chrome, relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    saw = visit(browser, daemon.url(), ["x" * 70000], None)
    assert saw["code"] == 1009
    assert daemon.closed()["WSRELAY_CAUSE"] == "message-too-big"


def test_refused_handshake_looks_like_1006(browser: webdriver.Chrome, relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    saw = visit(browser, daemon.url("/nowhere"), [], None)
    assert (saw["code"], saw["clean"]) == (1006, False)
    assert daemon.wait("reject")

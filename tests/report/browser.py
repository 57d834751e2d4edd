# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian's Chromium, without a window, at a size and in a colour scheme."""

from __future__ import annotations

import base64
import json
import typing as t
from contextlib import contextmanager

from selenium import webdriver

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHONE: t.Final = 500
HEIGHT: t.Final = 900


class Browser:
    """A browser that shows one page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def show(self, page: Path, width: int, scheme: str) -> None:
        """Load the page for a screen of that width, `light` or `dark`."""
        metrics = {
            "width": width,
            "height": HEIGHT,
            "deviceScaleFactor": 1,
            "mobile": width < PHONE,
        }
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        self._driver.get(page.as_uri())

    def ask(self, script: str) -> t.Any:
        """What a script returns."""
        return self._driver.execute_script(script)

    def wait(self, script: str) -> t.Any:
        """What a script hands to its last argument, a function that it calls when it is done."""
        self._driver.set_script_timeout(60)
        return self._driver.execute_async_script(script)

    def complaints(self) -> list[str]:
        """What the console says, errors and warnings."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[dict[str, t.Any]]:
        return t.cast("list[dict[str, t.Any]]", t.cast(t.Any, self._driver).get_log(kind))

    def screenshot(self, width: int, height: int, top: int = 0) -> bytes:
        """So much of the page as PNG, its beginning or what lies below `top`."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        made = self._driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
        )
        return base64.b64decode(made["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser, closed afterwards. It resolves no name, so nothing can come from the network."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    words = [
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ]
    for word in [*words, "--host-resolver-rules=MAP * ~NOTFOUND"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService("/usr/bin/chromedriver")
    )
    try:
        yield Browser(driver)
    finally:
        driver.quit()

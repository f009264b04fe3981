"""The report in a real browser, from disk: no error, no request, a whole waterfall, nothing wider than a phone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars")  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip(f"needs chromium and chromedriver, found {chromium} and {driver}")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    yield made
    made.quit()


@pytest.fixture(params=["leaky_page", "bare_page"])
def opened(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Any:
    path = tmp_path / "report.html"
    path.write_text(request.getfixturevalue(request.param), encoding="utf-8")
    look(browser, 1280, "light")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri())
    return browser


def look(browser: Any, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


def test_it_opens_without_error_or_request(opened: Any) -> None:
    assert opened.title.startswith("Assay of ")
    assert opened.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:///", "data:")) for url in asked)
    assert len([url for url in asked if url.startswith("file:")]) == 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(opened: Any, width: int, scheme: str) -> None:
    look(opened, width, scheme)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    paper = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_waterfall_is_whole(browser: Any, leaky_page: str, tmp_path: Path, width: int) -> None:
    (tmp_path / "r.html").write_text(leaky_page, encoding="utf-8")
    browser.get((tmp_path / "r.html").as_uri())
    look(browser, width, "light")
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('#waterfall [aria-roledescription=bar]')].map(b => b.getBoundingClientRect())"
        ".filter(b => b.width > 0).map(b => [b.left, b.right, b.height])"
    )
    assert len(boxes) == 18  # opening, 10 sources, the rest, remainder, closing, 3 adjustments, honest; one of the two variants
    assert all(left >= 0 and right <= width and height > 5 for left, right, height in boxes)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('#waterfall text')].map(t => t.getBoundingClientRect().height).filter(h => h > 0)"
    )
    assert min(sizes) >= 10


@pytest.mark.parametrize("width", [1280, 390])
def test_no_word_of_a_chart_is_cut_off_by_its_edge(browser: Any, leaky_page: str, tmp_path: Path, width: int) -> None:
    (tmp_path / "r.html").write_text(leaky_page, encoding="utf-8")
    browser.get((tmp_path / "r.html").as_uri())
    look(browser, width, "light")
    cut = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg')].filter(s => s.getBoundingClientRect().width > 0).flatMap(s =>"
        " { const edge = s.getBoundingClientRect(); return [...s.querySelectorAll('text')].filter(t =>"
        " { const b = t.getBoundingClientRect(); return b.left < edge.left - 0.5 || b.right > edge.right + 0.5; })"
        ".map(t => t.textContent); })"
    )
    assert cut == []


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Ratio of relative luminances. Source: WCAG 2.1, "contrast ratio"."""
    bright = sorted(
        sum(w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
        for rgb in (tuple(v / 255 for v in one), tuple(v / 255 for v in other))
    )
    return (bright[1] + 0.05) / (bright[0] + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, leaky_page: str, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "r.html").write_text(leaky_page, encoding="utf-8")
    browser.get((tmp_path / "r.html").as_uri())
    look(browser, 1280, scheme)
    pairs = browser.execute_script(
        "const nums = c => c.match(/[\\d.]+/g).map(Number);"
        "const ground = e => { for (; e; e = e.parentElement) { const c = nums(getComputedStyle(e).backgroundColor);"
        " if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };"
        "const said = [...document.querySelectorAll('p, dd, dt, td, th, summary, a, code, h2, h3, .badge, figcaption, small')]"
        ".filter(e => e.offsetParent).map(e => [e.tagName, nums(getComputedStyle(e).color).slice(0, 3), ground(e)]);"
        "const drawn = [...document.querySelectorAll('.chart.wide text')]"
        ".map(e => ['text', nums(getComputedStyle(e).fill).slice(0, 3), ground(e)]);"
        "return [...said, ...drawn];"
    )
    assert len(pairs) > 200
    faint = {(tag, tuple(ink)) for tag, ink, ground in pairs if contrast(tuple(ink), tuple(ground)) < 4.5}
    assert not faint

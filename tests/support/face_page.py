"""What tests do with the page of `kaggle-face app` in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Request, ViewportSize, expect

DESKTOP: ViewportSize = {"width": 1100, "height": 800}


@contextmanager
def opening(tab: Page, address: str) -> Iterator[Page]:
    """Opens the page and leaves the tab as it was; errors of scripts and requests elsewhere fail the test."""
    faults: list[str] = []

    def note_error(error: object) -> None:
        faults.append(str(error))

    def note_request(one: Request) -> None:
        if not one.url.startswith((address, "data:", "blob:")):
            faults.append(one.url)

    tab.on("pageerror", note_error)
    tab.on("request", note_request)
    tab.goto(address)
    expect(tab.locator("body[data-ready]")).to_be_attached()
    yield tab
    tab.remove_listener("request", note_request)
    tab.unroute_all()
    tab.goto("about:blank")
    tab.remove_listener("pageerror", note_error)
    tab.set_viewport_size(DESKTOP)
    tab.emulate_media(color_scheme="null", reduced_motion="null")
    assert faults == []


def open_flow(page: Page, flow: str) -> None:
    """Opens a flow and waits until it is the one that is shown: the page changes to it in one step."""
    page.get_by_role("link", name=flow).click()
    expect(page.locator("nav a[aria-current=page]")).to_have_text(flow)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def enroll(page: Page, name: str, picture: Path) -> None:
    page.get_by_role("link", name="Enroll").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator("#enroll input[type=file]").set_input_files(picture)
    expect(page.get_by_alt_text("Face 1 to enroll")).to_be_visible()
    page.get_by_role("button", name="Enroll", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("is enrolled with")


def choose(page: Page, flow: str, picture: Path, which: int = 0) -> None:
    page.locator(f"#{flow} input[type=file]").nth(which).set_input_files(picture)

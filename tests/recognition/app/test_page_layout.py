"""The page as a person meets it: what is on the first screen, before it is ready, and for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from kaggle_face.recognition.gallery.model_card import Threshold
from kaggle_face.recognition.gallery.people import Gallery
from tests.support.face_page import choose, enroll, open_flow, opening
from tests.support.gallery_stubs import PIXEL_CARD, random_person

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
REFUSES_MOST = (
    Threshold("fpr-1e-3", 0.8, 0.001, 0.977, 10_000, 500),
    Threshold("eer", 0.6, 0.2, 0.2, 10_000, 500),
)
READABLE = 4.5
"""The contrast of text that WCAG 2.2 asks for (1.4.3)."""
TEXT_PX = 16


@pytest.fixture
def strict_address(serve: Callable[..., object], tmp_path: Path) -> Iterator[str]:
    """A page whose strict threshold refuses 97.7 % of genuine pairs."""
    with serve(tmp_path / "strict.sqlite", replace(PIXEL_CARD, thresholds=REFUSES_MOST)) as url:
        yield url


@pytest.fixture
def opened(tab: Page, strict_address: str) -> Iterator[Page]:
    """That page, just opened."""
    tab.set_viewport_size(DESKTOP)
    with opening(tab, strict_address) as page:
        yield page


def bottom_of(page: Page, selector: str) -> float:
    """The lower edge of the first element, in pixels of the window."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def top_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


def ask(page: Page, flow: str, *pictures: Path) -> None:
    """Chooses pictures and waits for the answer."""
    for which, picture in enumerate(pictures):
        choose(page, flow, picture, which)
    expect(page.locator(f"#{flow} [data-go]")).to_be_enabled()
    page.locator(f"#{flow} [data-go]").click()
    expect(page.locator(f"#{flow} .verdict")).to_be_visible()


def axe_violations(page: Page) -> list[tuple[str, str]]:
    """Rules of axe-core that are broken, each with its first element."""
    script = files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text("utf-8")
    page.evaluate(script)
    found = page.evaluate("() => axe.run(document)")
    return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as `rgb(r, g, b)` (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        shares = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_the_answer_is_on_the_first_screen_below_its_threshold_and_warning(
    opened: Page, pictures: Path
) -> None:
    enroll(opened, "Ann", pictures / "p0.jpg")
    opened.set_viewport_size(DESKTOP)
    open_flow(opened, "Identify")
    ask(opened, "identify", pictures / "p2.jpg")
    for size in (DESKTOP, PHONE):
        opened.set_viewport_size(size)
        opened.evaluate("window.scrollTo(0, 0)")
        assert bottom_of(opened, "#threshold-warning") < top_of(opened, "#identify .verdict")
        assert bottom_of(opened, "#identify .scale") <= size["height"], size
        assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    expect(opened.locator("#threshold-warning")).to_have_text(
        "97.7 % of genuine pairs are refused: a refusal says almost nothing."
    )
    expect(opened.locator("#identify .caution")).to_contain_text("97.7 % of genuine pairs are refused too")
    sizes = opened.locator("#threshold-warning").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert sizes >= TEXT_PX
    expect(opened.get_by_label("Threshold").locator("option").first).to_have_text(
        "strict: 1 in 1,000 unknown people passes"
    )
    expect(opened.locator("#threshold-number")).to_have_text("a score of 0.800 or more")
    # The face that is looked for is there once, in its picture with the box around it.
    expect(opened.locator("#identify img:visible:not(.neighbours img)")).to_have_count(1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_verdict_on_two_pictures_is_on_the_first_screen(
    opened: Page, pictures: Path, size: dict[str, int]
) -> None:
    opened.set_viewport_size(size)
    open_flow(opened, "Verify")
    ask(opened, "verify", pictures / "p0.jpg", pictures / "p1.jpg")
    assert opened.evaluate("window.scrollY") == 0
    assert bottom_of(opened, "#verify .caution") <= size["height"]
    expect(opened.locator("#verify .verdict")).to_contain_text("Not alike enough")  # not "Different people"
    opened.get_by_label("Threshold").select_option("eer")
    expect(opened.locator("#verify .verdict")).to_have_count(0)  # that answer was of the other threshold


@pytest.mark.slow
def test_each_box_lies_in_its_picture(page: Page, pictures: Path) -> None:
    open_flow(page, "Identify")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        choose(page, "identify", pictures / "group.jpg")
        expect(page.locator("#identify .box")).to_have_count(2)
        frame = page.locator("#identify .frame").bounding_box()
        assert frame is not None
        for box in page.locator("#identify .box").all():
            inner = box.bounding_box()
            assert inner is not None
            assert frame["x"] <= inner["x"]
            assert inner["x"] + inner["width"] <= frame["x"] + frame["width"] + 0.5
            assert frame["y"] <= inner["y"]
            assert inner["y"] + inner["height"] <= frame["y"] + frame["height"] + 0.5


def test_pictures_of_a_person_are_seen_and_removed_by_keyboard(
    page: Page, pictures: Path, gallery: Gallery
) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    open_flow(page, "People")
    page.get_by_role("link", name="Pictures of Ann").click()
    expect(page.get_by_role("heading", name="Ann")).to_be_visible()
    expect(page.get_by_alt_text("Enrolled face in p0.jpg")).to_be_visible()
    expect(page.get_by_text("An only picture cannot be removed alone")).to_be_visible()
    expect(page.get_by_role("button", name="Remove p0.jpg")).to_have_count(0)
    page.get_by_role("button", name="Add pictures").press("Enter")
    choose(page, "enroll", pictures / "p1.jpg")
    page.get_by_label("Keep the face pictures").uncheck()
    page.get_by_role("button", name="Enroll", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(
        "Ann is enrolled with 2 pictures. Their faces were not kept."
    )
    open_flow(page, "People")
    expect(page.locator("#people li")).to_contain_text("2 pictures")  # not the list of before
    page.get_by_role("link", name="Pictures of Ann").press("Enter")
    expect(page.locator("#person li")).to_have_count(2)
    expect(page.locator("#person li").nth(1)).to_contain_text("not kept")
    expect(page.locator("#person li").nth(1)).to_contain_text("similarity")
    page.get_by_role("button", name="Remove p0.jpg").press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Yes, remove").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("p0.jpg was removed.")
    expect(page.locator("#person-title")).to_be_focused()
    assert [image.source for image in gallery.images(gallery.person("Ann"))] == ["p1.jpg"]


@pytest.mark.slow
def test_of_a_picture_that_browsers_do_not_show_the_found_face_is_shown(
    page: Page, pictures: Path, tmp_path: Path
) -> None:
    Image.open(pictures / "p0.jpg").save(tmp_path / "p0.tiff")
    open_flow(page, "Identify")
    choose(page, "identify", tmp_path / "p0.tiff")
    expect(page.locator("#identify .found img")).to_be_visible()
    expect(page.locator("#identify .frame")).to_be_hidden()
    page.locator("#identify").get_by_role("button", name="Remove").click()
    expect(page.locator("#identify .found img")).to_be_hidden()


def test_a_chosen_picture_is_removed_again(page: Page, pictures: Path) -> None:
    open_flow(page, "Identify")
    choose(page, "identify", pictures / "p0.jpg")
    expect(page.get_by_role("button", name="Identify")).to_be_enabled()
    page.locator("#identify").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Identify")).to_be_disabled()
    expect(page.get_by_alt_text("The chosen picture p0.jpg")).to_be_hidden()
    expect(page.locator("#identify input[type=file]")).to_be_focused()


def test_the_page_says_that_it_is_loading_and_what_failed(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    held: list[Route] = []
    page.route("**/api/state", lambda route: held.append(route))
    page.goto(address)
    expect(page.get_by_text("Opening the gallery…")).to_be_visible()
    expect(page.get_by_role("heading")).to_have_count(0)
    held[0].fulfill(status=400, json={"error": "the gallery is damaged"})
    expect(page.get_by_role("alert")).to_have_text("the gallery is damaged")
    expect(page.get_by_text("Opening the gallery…")).to_be_hidden()
    context.close()


def test_without_javascript_the_page_says_what_to_do(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", name="This page needs JavaScript")).to_be_visible()
    expect(page.locator("noscript code").first).to_be_visible()
    expect(page.locator("noscript code").first).to_have_text("kaggle-face identify PICTURE")
    expect(page.get_by_text("Opening the gallery…")).to_be_hidden()
    context.close()


def test_a_disabled_button_is_readable_in_the_dark_and_looks_disabled(page: Page) -> None:
    style = """one => {
        const found = getComputedStyle(one);
        return [found.color, found.backgroundColor, found.opacity, found.cursor];
    }"""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        ink, paper, opacity, cursor = page.locator("#enroll [data-go]").evaluate(style)
        assert contrast(ink, paper) >= READABLE, scheme
        assert (opacity, cursor) == ("1", "not-allowed")


def visit_every_view(page: Page, pictures: Path, gallery: Gallery, look: Callable[[str], None]) -> None:
    """Shows each view empty and filled, and hands its name to `look`."""
    look("enroll, nobody enrolled")
    enroll(page, "Ann", pictures / "p0.jpg")
    look("enrolled")
    gallery.enroll([random_person("Bob", 1, num_images=2)], PIXEL_CARD)
    choose(page, "enroll", pictures / "p1.jpg")
    expect(page.get_by_alt_text("Face 1 to enroll")).to_be_visible()
    look("enroll, a face chosen")
    open_flow(page, "Identify")
    look("identify, empty")
    choose(page, "identify", pictures / "wall.png")
    expect(page.locator("#identify").get_by_role("alert")).to_be_visible()
    look("identify, no face")
    choose(page, "identify", pictures / "group.jpg")
    expect(page.locator("#identify .box")).to_have_count(2)
    look("identify, two faces")
    ask(page, "identify", pictures / "p0-again.jpg")
    look("identified")
    open_flow(page, "Verify")
    look("verify, empty")
    ask(page, "verify", pictures / "p0.jpg", pictures / "p1.jpg")
    look("verified")
    page.get_by_label("an enrolled person").check()
    look("verify a name")
    open_flow(page, "People")
    expect(page.locator("#people li")).to_have_count(2)
    look("people")
    page.get_by_role("button", name="Rename Bob").click()
    look("rename")
    page.get_by_role("link", name="Pictures of Ann").click()
    expect(page.locator("#person li")).to_have_count(1)
    look("a person")
    page.goto(f"{page.url.split('#')[0]}#person-2")
    expect(page.locator("#person li")).to_have_count(2)
    look("a person without pictures")


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_axe_finds_nothing_in_any_view_light_or_dark(
    page: Page, pictures: Path, gallery: Gallery, size: dict[str, int]
) -> None:
    found: dict[str, list[tuple[str, str]]] = {}

    def look(view: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[f"{view}, {scheme}"] = axe_violations(page)

    page.set_viewport_size(size)
    visit_every_view(page, pictures, gallery, look)
    assert len(found) == 28
    assert {view: broken for view, broken in found.items() if broken} == {}


def test_axe_finds_nothing_beside_an_answer_in_the_dark(opened: Page, pictures: Path) -> None:
    enroll(opened, "Ann", pictures / "p0.jpg")
    opened.emulate_media(color_scheme="dark", reduced_motion="reduce")
    open_flow(opened, "Identify")
    ask(opened, "identify", pictures / "p2.jpg")
    assert axe_violations(opened) == []

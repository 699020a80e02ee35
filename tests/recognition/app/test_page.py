"""The page in a real browser: each flow, its errors, by keyboard, at a phone's width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from kaggle_face.recognition.gallery.people import Gallery
from tests.support.face_page import choose, enroll, open_flow
from tests.support.gallery_stubs import PIXEL_CARD, random_person

PHONE = {"width": 360, "height": 740}
CONTROL = re.compile(r"^ *- '?((?:button|textbox|checkbox|combobox|radio|searchbox|img)\b.*)$", re.MULTILINE)
"""A control, or a picture that is not mere decoration, in the tree that a screen reader is given."""


def test_an_empty_gallery_opens_where_people_are_enrolled(page: Page) -> None:
    expect(page.get_by_role("heading", name="Enroll a person")).to_be_visible()
    expect(page.get_by_role("button", name="Enroll", exact=True)).to_be_disabled()


def test_who_was_enrolled_is_identified_with_score_threshold_and_neighbours(
    page: Page, pictures: Path
) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    enroll(page, "Béla O'Neil & Co", pictures / "p1.jpg")
    page.get_by_role("link", name="Identify").click()
    choose(page, "identify", pictures / "p0-again.jpg")
    expect(page.locator("#identify .box")).to_be_visible()
    page.get_by_role("button", name="Identify").click()
    answer = page.locator("#identify [data-answer]")
    expect(answer.locator(".verdict")).to_contain_text("Ann")
    expect(answer.locator(".verdict")).to_contain_text("recognized")
    expect(answer.get_by_role("img", name="accepted from 0.80 on: accepted")).to_be_visible()
    expect(answer.locator(".neighbours li")).to_have_count(2)
    expect(answer.locator(".neighbours")).to_contain_text("Béla O'Neil & Co")
    expect(answer).to_contain_text("0.8000 (strict: 1 in 1,000 unknown people passes)")
    expect(answer).to_contain_text("Compared with 2 people")


def test_an_unenrolled_person_is_unknown(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    page.get_by_role("link", name="Identify").click()
    choose(page, "identify", pictures / "p2.jpg")
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("#identify .verdict")).to_contain_text("Unknown")
    expect(page.get_by_role("status")).to_contain_text("Unknown, best score")


def test_two_pictures_are_verified(page: Page, pictures: Path) -> None:
    page.get_by_role("link", name="Verify").click()
    choose(page, "verify", pictures / "p0.jpg", 0)
    expect(page.get_by_role("button", name="Verify")).to_be_disabled()
    choose(page, "verify", pictures / "p0-again.jpg", 1)
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#verify .verdict")).to_contain_text("The same person")
    choose(page, "verify", pictures / "p1.jpg", 1)
    expect(page.locator("#verify .verdict")).to_have_count(0)  # the old answer is not of these pictures
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#verify .verdict")).to_contain_text("Different people")


def test_a_picture_is_verified_against_a_name(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    page.get_by_role("link", name="Verify").click()
    page.get_by_label("an enrolled person").check()
    choose(page, "verify", pictures / "p0-again.jpg")
    page.get_by_label("Name of the enrolled person").fill("ann")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#verify .verdict")).to_contain_text("This is Ann")
    page.get_by_label("Name of the enrolled person").fill("Anm")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#problem")).to_contain_text("nobody is enrolled as 'Anm'; did you mean 'Ann'?")


def test_the_threshold_that_is_chosen_decides(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    page.get_by_role("link", name="Identify").click()
    page.get_by_label("Threshold").select_option("eer")
    choose(page, "identify", pictures / "p0-again.jpg")
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("#identify .facts")).to_contain_text("0.6000 (even: 3.0 % of unknown people pass)")


def test_of_several_faces_one_is_chosen(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    enroll(page, "Bob", pictures / "p1.jpg")
    page.get_by_role("link", name="Identify").click()
    choose(page, "identify", pictures / "group.jpg")
    expect(page.get_by_role("group", name="2 faces: which one is meant?")).to_be_visible()
    expect(page.get_by_role("button", name="Identify")).to_be_disabled()
    expect(page.locator("#identify .frame .box")).to_have_count(2)
    page.get_by_role("radio", name="Face 2").check()
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("#identify .neighbours li").first).to_contain_text("Bob")


def test_a_person_is_enrolled_from_the_camera(page: Page, gallery: Gallery) -> None:
    page.get_by_label("Name", exact=True).fill("Ann")
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take the picture").click()
    expect(page.get_by_alt_text("Face 1 to enroll")).to_be_visible()
    page.get_by_role("button", name="Enroll", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Ann is enrolled with 1 picture")
    assert [person.name for person in gallery.people()] == ["Ann"]


def test_several_pictures_make_one_person(page: Page, pictures: Path, gallery: Gallery) -> None:
    page.get_by_label("Name", exact=True).fill("Ann")
    for picture in ("p0.jpg", "p1.jpg", "p2.jpg"):
        choose(page, "enroll", pictures / picture)
        expect(page.get_by_text(picture, exact=True)).to_be_visible()
    expect(page.locator("#enroll [data-chosen] li")).to_have_count(3)
    page.get_by_role("button", name="Leave out face 2").click()
    page.get_by_role("button", name="Enroll", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("2 pictures")
    assert gallery.person("Ann").num_images == 2


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        ("wall.png", "no face was found in wall.png"),
        ("letter.jpg", "letter.jpg cannot be read (not a picture)"),
        ("half.jpg", "half.jpg cannot be read"),
    ],
)
def test_a_bad_picture_is_told_beside_it(page: Page, pictures: Path, picture: str, problem: str) -> None:
    page.get_by_role("link", name="Identify").click()
    choose(page, "identify", pictures / picture)
    expect(page.locator("#identify").get_by_role("alert")).to_contain_text(problem)
    expect(page.get_by_role("button", name="Identify")).to_be_disabled()


def test_an_aligned_crop_needs_no_detection(page: Page, pictures: Path) -> None:
    page.get_by_role("link", name="Identify").click()
    choose(page, "identify", pictures / "wall.png")
    expect(page.locator("#identify").get_by_role("alert")).to_be_visible()
    page.locator("#identify").get_by_label("It is a cropped face already").check()
    expect(page.get_by_alt_text("The chosen picture wall.png")).to_be_visible()
    expect(page.locator("#identify .box")).to_have_count(0)
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("#problem")).to_contain_text("nobody is enrolled")


def test_a_taken_name_and_markup_are_refused_and_shown_as_text(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    for name, problem in (
        ("ANN", "'Ann' is enrolled already"),
        ("<img src=x onerror=alert(1)>", "must not hold '<'"),
        ("a/b", "must not hold '/'"),
    ):
        page.get_by_label("Name", exact=True).fill(name)
        choose(page, "enroll", pictures / "p1.jpg")
        expect(page.get_by_alt_text("Face 1 to enroll")).to_be_visible()
        page.get_by_role("button", name="Enroll", exact=True).click()
        expect(page.locator("#problem")).to_contain_text(problem)
    page.get_by_label("Add to the person").check()
    page.get_by_label("Name", exact=True).fill("ANN")
    page.get_by_role("button", name="Enroll", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Ann is enrolled with 2 pictures")


def test_markup_in_a_name_of_the_database_is_text_on_the_page(page: Page, gallery: Gallery) -> None:
    import sqlite3
    from contextlib import closing

    gallery.enroll([random_person("Mallory", 1)], PIXEL_CARD)
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        connection.execute("UPDATE people SET name = '<img src=x onerror=\"document.title=1\">'")
    page.get_by_role("link", name="People").click()
    expect(page.locator("#people .name")).to_have_text('<img src=x onerror="document.title=1">')
    expect(page).to_have_title("Enrolled people – kaggle-face")


def test_people_are_found_renamed_and_removed(page: Page, gallery: Gallery) -> None:
    gallery.enroll([random_person(name, seed) for seed, name in enumerate(["Ann", "Bob", "Chi"])], PIXEL_CARD)
    page.get_by_role("link", name="People").click()
    expect(page.locator("#people li")).to_have_count(3)
    page.get_by_label("Find a name").fill("bo")
    expect(page.locator("#people li")).to_have_count(1)
    page.get_by_role("button", name="Rename Bob").click()
    page.get_by_label("New name of Bob").fill("Bobby")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Bob is called Bobby now.")
    page.get_by_role("button", name="Remove Bobby").click()
    page.get_by_role("button", name="Yes, remove").click()
    expect(page.get_by_role("status")).to_contain_text("Bobby was removed.")
    assert [person.name for person in gallery.people()] == ["Ann", "Chi"]


def test_everything_is_reached_by_keyboard(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    page.get_by_role("link", name="Identify").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Who is this?")).to_be_focused()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.type"))
    assert reached == ["select-one", "file", "button", "checkbox"]
    choose(page, "identify", pictures / "p0.jpg")
    expect(page.get_by_role("button", name="Identify")).to_be_enabled()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Identify")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#identify .verdict")).to_contain_text("Ann")


def test_each_control_has_a_name_for_a_screen_reader(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    for flow in ("Identify", "Verify", "Enroll", "People"):
        open_flow(page, flow)
        if flow == "Identify":
            choose(page, "identify", pictures / "group.jpg")
            page.get_by_role("radio", name="Face 2").check()
            page.get_by_role("button", name="Identify").click()
            expect(page.locator("#identify .neighbours li")).to_have_count(1)
        if flow == "People":
            expect(page.locator("#people li")).to_have_count(1)
        tree = page.locator("body").aria_snapshot()  # the whole page at one moment
        controls = CONTROL.findall(tree)
        assert controls, flow
        assert [control for control in controls if '"' not in control] == [], flow
        unnamed = page.locator("input[type=file]:not([hidden])").evaluate_all(
            "all => all.filter((one) => !one.labels.length || !one.labels[0].textContent.trim()).length"
        )
        assert unnamed == 0


@pytest.mark.parametrize("flow", ["identify", "verify", "enroll", "people"])
def test_nothing_reaches_beyond_a_phones_width(
    page: Page, pictures: Path, gallery: Gallery, flow: str
) -> None:
    gallery.enroll([random_person("A name as long as names of people hardly ever are " * 2, 1)], PIXEL_CARD)
    page.set_viewport_size(PHONE)
    open_flow(page, flow.capitalize())
    if flow == "people":
        expect(page.locator("#people li")).to_have_count(1)
    else:
        choose(page, flow, pictures / "p0.jpg")
        expect(page.locator(f"#{flow} .box")).to_have_count(1)
    if flow == "identify":
        page.get_by_role("button", name="Identify").click()
        expect(page.locator("#identify .neighbours")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_page_says_what_it_is_not(page: Page) -> None:
    expect(page.get_by_role("contentinfo")).to_contain_text("No liveness check")
    expect(page.get_by_role("contentinfo")).to_contain_text("are sent nowhere")


def test_a_server_that_is_gone_is_told(page: Page, pictures: Path) -> None:
    page.get_by_role("link", name="Identify").click()
    page.route("**/api/faces", lambda route: route.abort())
    choose(page, "identify", pictures / "p0.jpg")
    expect(page.locator("#identify").get_by_role("alert")).to_contain_text("does not answer; start it again")


class HeldAnswer:
    """Keeps the first request to an address back until it is let go; later ones pass."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._held: list[Route] = []
        page.route(address, self._take)

    def _take(self, route: Route) -> None:
        if self._held:
            route.continue_()
        else:
            self._held.append(route)

    def let_go(self) -> None:
        with self._page.expect_request_finished(lambda one: one == self._held[0].request):
            self._held[0].continue_()


def test_a_picture_that_was_replaced_while_it_was_looked_at_is_forgotten(page: Page, pictures: Path) -> None:
    open_flow(page, "Identify")
    first = HeldAnswer(page, "**/api/faces")
    choose(page, "identify", pictures / "group.jpg")
    expect(page.get_by_text("group.jpg: looking for faces")).to_be_visible()
    choose(page, "identify", pictures / "p0.jpg")
    expect(page.locator("#identify .found img")).to_have_count(1)
    first.let_go()
    expect(page.locator("#identify .found img")).to_have_count(1)
    expect(page.get_by_text("p0.jpg", exact=True)).to_be_visible()


def test_a_camera_opened_while_a_picture_is_looked_at_is_no_error(page: Page, pictures: Path) -> None:
    open_flow(page, "Identify")
    first = HeldAnswer(page, "**/api/faces")
    choose(page, "identify", pictures / "p0.jpg")
    expect(page.get_by_text("p0.jpg: looking for faces")).to_be_visible()
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Take the picture")).to_be_focused()
    first.let_go()
    expect(page.locator("#identify").get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Identify")).to_be_disabled()


def test_an_answer_about_a_picture_that_was_replaced_is_not_shown(page: Page, pictures: Path) -> None:
    enroll(page, "Ann", pictures / "p0.jpg")
    open_flow(page, "Identify")
    choose(page, "identify", pictures / "p0-again.jpg")
    first = HeldAnswer(page, "**/api/identify")
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("#identify [data-busy]")).to_be_visible()
    choose(page, "identify", pictures / "p1.jpg")
    expect(page.get_by_text("p1.jpg", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Identify")).to_be_disabled()  # one question at a time
    first.let_go()
    expect(page.get_by_role("button", name="Identify")).to_be_enabled()
    expect(page.locator("#identify .verdict")).to_have_count(0)


def test_the_last_name_that_was_typed_decides_who_is_listed(page: Page, gallery: Gallery) -> None:
    gallery.enroll([random_person(name, seed) for seed, name in enumerate(["Ann", "Bob"])], PIXEL_CARD)
    open_flow(page, "People")
    expect(page.locator("#people li")).to_have_count(2)
    first = HeldAnswer(page, "**/api/people?name=b*")
    with page.expect_request("**/api/people?name=b"):
        page.get_by_label("Find a name").fill("b")
    page.get_by_label("Find a name").fill("")
    expect(page.locator("[data-count]")).to_have_text("2 of 2")
    page.get_by_label("Find a name").fill("ann")
    expect(page.locator("#people li")).to_have_count(1)
    first.let_go()
    expect(page.locator("#people .name")).to_have_text("Ann")

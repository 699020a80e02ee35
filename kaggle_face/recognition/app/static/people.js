// Everyone who is enrolled, and the pictures of one person.

import { addPicturesTo } from "/static/enroll.js";
import { ask, complain, confirmIn, look, pictures, readState, say } from "/static/page.js";
import { element, clear, noPicture, signed } from "/static/parts.js";

let listings = 0;

export function setUpPeople() {
  const filter = document.getElementById("people-filter");
  let waiting = null;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => listPeople().catch((error) => complain(error.message)), 200);
  });
}

export async function listPeople() {
  const section = document.getElementById("people");
  const listing = ++listings;
  const count = section.querySelector("[data-count]");
  const list = section.querySelector("[data-list]");
  if (!list.children.length) count.textContent = "Reading the gallery…";
  const answer = await look(`people?name=${encodeURIComponent(document.getElementById("people-filter").value)}`);
  if (listing !== listings) return; // a later question is under way, or answered already
  const { people, found } = answer;
  count.textContent = answer.all === 0
    ? "Nobody is enrolled yet." : `${found} of ${answer.all}${people.length < found ? `, the first ${people.length}` : ""}`;
  clear(list).append(...people.map(personCard));
}

function personCard(person) {
  const picture = person.picture === null ? noPicture()
    : element("img", { src: `/pictures/${person.picture}.png`, alt: "" });
  const seen = element("a", { class: "button", href: `#person-${person.number}` }, "Pictures",
    element("span", { class: "unseen" }, ` of ${person.name}`));
  const rename = element("button", { type: "button", "aria-label": `Rename ${person.name}` }, "Rename");
  const remove = element("button", { type: "button", class: "danger", "aria-label": `Remove ${person.name}` }, "Remove");
  const ways = element("div", { class: "ways" }, seen, rename, remove);
  const card = element("li", {}, picture,
    element("div", {}, element("div", { class: "name" }, person.name),
      element("div", { class: "small" }, pictures(person.images))), ways);
  const changed = async () => {
    await readState();
    await listPeople();
    document.getElementById("people-title").focus();
  };
  remove.addEventListener("click", () => confirmIn(ways, `Remove ${person.name}?`, null, "Yes, remove", async () => {
    await ask("remove", { name: person.name });
    say(`${person.name} was removed.`);
    await changed();
  }));
  rename.addEventListener("click", () => confirmIn(ways, `New name of ${person.name}`, person.name, "Save", async (text) => {
    const answer = await ask("rename", { name: person.name, new_name: text });
    say(`${person.name} is called ${answer.person.name} now.`);
    await changed();
  }));
  return card;
}

// ---- the pictures of one person

let views = 0;

export async function showPerson(number) {
  const section = document.getElementById("person");
  const view = ++views;
  const title = document.getElementById("person-title");
  const lead = section.querySelector("[data-lead]");
  const list = section.querySelector("[data-list]");
  title.textContent = "Pictures of a person";
  lead.textContent = "Reading the gallery…";
  section.querySelectorAll("[data-known]").forEach((one) => { one.hidden = true; });
  clear(list);
  let answer;
  try {
    answer = await look(`pictures?person=${number}`);
  } catch (error) {
    if (view !== views) return;
    lead.textContent = "";
    throw error;
  }
  if (view !== views) return; // another person was opened meanwhile
  const { person } = answer;
  title.textContent = person.name;
  document.title = `${person.name} – kaggle-face`;
  lead.textContent = `${pictures(person.images)}, enrolled since ${readable(person.added)}.`;
  section.querySelector("[data-similarity]").hidden = answer.pictures.length < 2;
  section.querySelector("[data-only]").hidden = answer.pictures.length > 1;
  section.querySelector("[data-not-kept]").hidden = answer.pictures.every((one) => one.kept);
  const add = section.querySelector("[data-more]");
  add.hidden = false;
  add.onclick = () => addPicturesTo(person.name);
  clear(list).append(...answer.pictures.map((one) => pictureCard(person, one, answer.pictures.length > 1)));
}

function readable(time) { return time.replace("T", " ").replace("Z", " UTC"); }

function pictureCard(person, picture, removable) {
  const face = picture.kept
    ? element("img", { class: "crop", src: `/pictures/${picture.number}.png`, alt: `Enrolled face in ${picture.source}` })
    : element("span", { class: "crop none" }, "not kept");
  const rows = element("div", { class: "about" },
    element("div", { class: "name" }, picture.source), element("div", { class: "small" }, readable(picture.added)));
  if (picture.similarity !== null) {
    rows.append(element("div", { class: "small" }, `similarity ${signed(picture.similarity, 3)}`));
  }
  const ways = element("div", { class: "ways" });
  if (removable) {
    const remove = element("button", { type: "button", class: "danger", "aria-label": `Remove ${picture.source}` }, "Remove");
    remove.addEventListener("click", () => confirmIn(ways, "Remove this picture?", null, "Yes, remove", async () => {
      await ask("remove-picture", { name: person.name, picture: picture.number });
      await showPerson(person.number);
      say(`${picture.source} was removed.`);
      document.getElementById("person-title").focus();
    }));
    ways.append(remove);
  }
  return element("li", {}, face, rows, ways);
}

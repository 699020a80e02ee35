// Enrolling a person with one or more faces.

import { ask, attempt, isBusy, pictures, readState, show } from "/static/page.js";
import { element, clear, crop, verdict } from "/static/parts.js";
import { Picker } from "/static/picker.js";

// Opens the view with a name to which pictures are added.
export function addPicturesTo(name) {
  const field = document.getElementById("enroll-name");
  field.value = name;
  field.dispatchEvent(new Event("input"));
  document.querySelector("#enroll [data-add]").checked = true;
  location.hash = "#enroll";
}

export function setUpEnroll() {
  const section = document.getElementById("enroll");
  const go = section.querySelector("[data-go]");
  const name = document.getElementById("enroll-name");
  const chosen = section.querySelector("[data-chosen]");
  const list = chosen.querySelector("ul");
  let faces = [];
  const toEnroll = () => [...faces, ...(picker.face && !faces.includes(picker.face) ? [picker.face] : [])];
  const refresh = () => {
    go.disabled = isBusy(section) || !name.value.trim() || !picker.face && faces.length === 0;
    const all = toEnroll();
    chosen.hidden = all.length === 0;
    clear(list).append(...all.map((face, row) => element("li", { class: "face" },
      element("img", { src: face.crop, alt: `Face ${row + 1} to enroll` }),
      element("button", { type: "button", "aria-label": `Leave out face ${row + 1}` }, "Leave out"))));
    list.querySelectorAll("button").forEach((button, row) => button.addEventListener("click", () => {
      const gone = all[row];
      faces = faces.filter((face) => face !== gone);
      if (picker.face === gone) picker.reset();
      refresh();
      name.focus();
    }));
  };
  const picker = new Picker("Pictures", refresh, (former) => {
    if (former && !faces.includes(former)) faces.push(former);
  });
  section.querySelector("[data-pickers]").append(picker.root);
  name.addEventListener("input", refresh);
  go.addEventListener("click", () => attempt(section, async () => {
    const all = toEnroll();
    const asked = name.value;
    const keeps = section.querySelector("[data-keep]").checked;
    const answer = await ask("enroll", {
      name: asked,
      faces: all.map((face) => face.key),
      on_conflict: section.querySelector("[data-add]").checked ? "add" : "refuse",
      keep_pictures: keeps,
    });
    const { person } = answer;
    const count = pictures(person.images);
    const known = answer.known ? ` ${answer.known} of the pictures ${answer.known === 1 ? "was" : "were"} known already.` : "";
    const kept = keeps ? "" : " Their faces were not kept.";
    show(section, [element("div", { class: "card" }, verdict(true, person.name, "enrolled", null),
      element("ul", { class: "faces" }, ...all.map((face) => element("li", {}, crop(face.crop, "enrolled face")))),
      element("p", { class: "small" }, `${count} of this person in the gallery.${known}${kept}`))],
    `${person.name} is enrolled with ${count}.${known}${kept}`);
    faces = faces.filter((face) => !all.includes(face)); // what was chosen meanwhile stays
    if (all.includes(picker.face)) picker.reset();
    if (name.value === asked) name.value = "";
    await readState();
  }, refresh));
}

// The page of one-shot recognition. Names and file names reach the page as text nodes, never as markup.

import { Picker } from "/static/picker.js";
import { ask, look } from "/static/server.js";
import { element, clear, scoreScale, neighbourList, facts, crop, signed } from "/static/parts.js";

const status = document.getElementById("status");
const problem = document.getElementById("problem");
const thresholdSelect = document.getElementById("threshold");
let state = null;

const MEANINGS = {
  "fpr-1e-3": "1 of 1000 pairs of different people passes",
  "fpr-1e-2": "1 of 100 pairs of different people passes",
  eer: "as many wrong acceptances as wrong refusals",
};

function say(text) { status.textContent = text; }

function complain(text) {
  problem.hidden = !text;
  problem.textContent = text || "";
}

function isBusy(section) { return !section.querySelector("[data-busy]").hidden; }

async function attempt(section, work, refresh) {
  const busy = section.querySelector("[data-busy]");
  complain("");
  say("");
  busy.hidden = false;
  refresh();
  try {
    await work();
  } catch (error) {
    clear(section.querySelector("[data-answer]"));
    complain(error.message);
  } finally {
    busy.hidden = true;
    refresh();
  }
}

function show(section, children, announcement) {
  const answer = section.querySelector("[data-answer]");
  clear(answer).append(...children);
  say(announcement);
  if (answer.getBoundingClientRect().top > 0.6 * window.innerHeight) answer.scrollIntoView();
}

function verdict(accepted, title, badge) {
  return element("p", { class: `verdict ${accepted ? "good" : "bad"}` },
    element("span", {}, title), element("span", { class: "badge" }, badge));
}

function decisionFacts(answer) {
  const { threshold } = answer;
  return facts([
    ["Score", signed(answer.score, 4)],
    ["Threshold", `${signed(threshold.value, 4)} (${thresholdName(threshold)})`],
    ["Margin", signed(answer.margin, 4, "+")],
  ]);
}

function thresholdName(threshold) {
  return MEANINGS[threshold.name] ? `${threshold.name}: ${MEANINGS[threshold.name]}` : "given by hand";
}

function strangers(answer) {
  const people = `Compared with ${answer.people} ${answer.people === 1 ? "person" : "people"}.`;
  if (answer.false_alarm_rate === null) return people;
  const share = answer.false_alarm_rate;
  return share === 0 ? `${people} At this threshold no enrolled person is taken for another.`
    : `${people} At this threshold about ${(100 * share).toFixed(1)} % of strangers would get somebody's name.`;
}

// ---- identify

function setUpIdentify() {
  const section = document.getElementById("identify");
  const go = section.querySelector("[data-go]");
  const refresh = () => { go.disabled = isBusy(section) || !picker.face; };
  const picker = new Picker("Picture", () => {
    refresh();
    clear(section.querySelector("[data-answer]"));
  });
  section.querySelector("[data-pickers]").append(picker.root);
  go.addEventListener("click", () => attempt(section, async () => {
    const { face } = picker;
    const answer = await ask("identify", { face: face.key, threshold: thresholdSelect.value });
    if (picker.face !== face) return; // another picture was chosen meanwhile
    const title = answer.person ? answer.person.name : "Unknown";
    show(section, [
      element("div", { class: "card" },
        verdict(answer.accepted, title, answer.accepted ? "recognized" : "nobody is near enough"),
        element("div", { class: "pair" }, crop(face.crop, "the face that was looked for"),
          ...(answer.person && answer.person.picture !== null
            ? [crop(`/pictures/${answer.person.picture}.png`, `enrolled: ${answer.person.name}`)] : [])),
        scoreScale(answer), decisionFacts(answer)),
      element("div", { class: "card" },
        element("h2", {}, "Nearest people"), neighbourList(answer), element("p", { class: "small" }, strangers(answer))),
    ], answer.accepted ? `Recognized: ${title}, score ${answer.score.toFixed(2)}`
      : `Unknown, best score ${answer.score.toFixed(2)}`);
  }, refresh));
}

// ---- verify

function setUpVerify() {
  const section = document.getElementById("verify");
  const go = section.querySelector("[data-go]");
  const nameField = section.querySelector("[data-name]");
  const name = nameField.querySelector("input");
  const againstName = () => section.querySelector("input[name=against]:checked").value === "name";
  const comparison = () => ({
    face: first.face, other: againstName() ? null : second.face, name: againstName() ? name.value : null,
  });
  const refresh = () => {
    nameField.hidden = !againstName();
    second.root.hidden = againstName();
    go.disabled = isBusy(section) || !first.face || (againstName() ? !name.value.trim() : !second.face);
  };
  const changed = () => {
    refresh();
    clear(section.querySelector("[data-answer]"));
  };
  const first = new Picker("Picture", changed);
  const second = new Picker("Other picture", changed);
  section.querySelector("[data-pickers]").append(first.root, second.root);
  section.querySelectorAll("input[name=against]").forEach((radio) => radio.addEventListener("change", changed));
  name.addEventListener("input", changed);
  go.addEventListener("click", () => attempt(section, async () => {
    const asked = comparison();
    const question = { face: asked.face.key, threshold: thresholdSelect.value };
    if (asked.name === null) question.other = asked.other.key; else question.name = asked.name;
    const answer = await ask("verify", question);
    const now = comparison();
    if (Object.keys(asked).some((part) => asked[part] !== now[part])) return; // something else was chosen meanwhile
    const whom = answer.person ? answer.person.name : null;
    const title = answer.accepted ? (whom ? `This is ${whom}` : "The same person")
      : (whom ? `This is not ${whom}` : "Different people");
    const other = whom === null ? crop(asked.other.crop, "the other face")
      : answer.person.picture !== null ? crop(`/pictures/${answer.person.picture}.png`, `enrolled: ${whom}`) : "";
    show(section, [element("div", { class: "card" },
      verdict(answer.accepted, title, answer.accepted ? "accepted" : "rejected"),
      element("div", { class: "pair" }, crop(asked.face.crop, "the face"), other),
      scoreScale(answer), decisionFacts(answer))],
    `${title}, score ${answer.score.toFixed(2)}, threshold ${answer.threshold.value.toFixed(2)}`);
  }, refresh));
}

// ---- enroll

function setUpEnroll() {
  const section = document.getElementById("enroll");
  const go = section.querySelector("[data-go]");
  const name = document.getElementById("enroll-name");
  const chosen = section.querySelector("[data-chosen]");
  const list = chosen.querySelector("ul");
  let faces = [];
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
  const toEnroll = () => [...faces, ...(picker.face && !faces.includes(picker.face) ? [picker.face] : [])];
  const picker = new Picker("Pictures", refresh, (former) => {
    if (former && !faces.includes(former)) faces.push(former);
  });
  section.querySelector("[data-pickers]").append(picker.root);
  name.addEventListener("input", refresh);
  go.addEventListener("click", () => attempt(section, async () => {
    const add = section.querySelector("[data-add]").checked;
    const all = toEnroll();
    const asked = name.value;
    const answer = await ask("enroll", {
      name: asked, faces: all.map((face) => face.key), on_conflict: add ? "add" : "refuse",
    });
    const { person } = answer;
    const count = `${person.images} ${person.images === 1 ? "picture" : "pictures"}`;
    const known = answer.known ? ` ${answer.known} of the pictures ${answer.known === 1 ? "was" : "were"} known already.` : "";
    show(section, [element("div", { class: "card" }, verdict(true, person.name, "enrolled"),
      element("ul", { class: "faces" }, ...all.map((face) => element("li", {}, crop(face.crop, "enrolled face")))),
      element("p", { class: "small" }, `${count} of this person in the gallery.${known}`))],
    `${person.name} is enrolled with ${count}.${known}`);
    faces = faces.filter((face) => !all.includes(face)); // what was chosen meanwhile stays
    if (all.includes(picker.face)) picker.reset();
    if (name.value === asked) name.value = "";
    await readState();
  }, refresh));
}

// ---- people

function setUpPeople() {
  const filter = document.getElementById("people-filter");
  let waiting = null;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => listPeople().catch((error) => complain(error.message)), 200);
  });
}

let listings = 0;

async function listPeople() {
  const section = document.getElementById("people");
  const listing = ++listings;
  const answer = await look(`people?name=${encodeURIComponent(document.getElementById("people-filter").value)}`);
  if (listing !== listings) return; // a later question is under way, or answered already
  const { people, found } = answer;
  section.querySelector("[data-count]").textContent = answer.all === 0
    ? "Nobody is enrolled yet." : `${found} of ${answer.all}${people.length < found ? `, the first ${people.length}` : ""}`;
  clear(section.querySelector("[data-list]")).append(...people.map(personCard));
}

function personCard(person) {
  const picture = person.picture === null ? element("span", { class: "none" })
    : element("img", { src: `/pictures/${person.picture}.png`, alt: "" });
  const rename = element("button", { type: "button", "aria-label": `Rename ${person.name}` }, "Rename");
  const remove = element("button", { type: "button", class: "danger", "aria-label": `Remove ${person.name}` }, "Remove");
  const card = element("li", {}, picture,
    element("div", {}, element("div", { class: "name" }, person.name),
      element("div", { class: "small" }, `${person.images} ${person.images === 1 ? "picture" : "pictures"}`)),
    element("div", { class: "ways" }, rename, remove));
  remove.addEventListener("click", () => confirmIn(card, `Remove ${person.name}?`, null, async () => {
    await ask("remove", { name: person.name });
    say(`${person.name} was removed.`);
  }));
  rename.addEventListener("click", () => confirmIn(card, `New name of ${person.name}`, person.name, async (text) => {
    const answer = await ask("rename", { name: person.name, new_name: text });
    say(`${person.name} is called ${answer.person.name} now.`);
  }));
  return card;
}

function confirmIn(card, question, text, work) {
  const ways = card.querySelector(".ways");
  const former = [...ways.childNodes];
  const input = text === null ? null : element("input", { "aria-label": question, maxlength: "100" });
  const yes = element("button", { type: "button", class: text === null ? "danger" : "" }, text === null ? "Yes, remove" : "Save");
  const no = element("button", { type: "button" }, "Cancel");
  const restore = () => { clear(ways).append(...former); former[0].focus(); };
  if (input) input.value = text;
  clear(ways).append(...(input ? [input] : [element("span", {}, question)]), yes, no);
  (input || no).focus();
  no.addEventListener("click", restore);
  const act = async () => {
    complain("");
    try {
      await work(input ? input.value : null);
      await readState();
      await listPeople();
      document.getElementById("people-title").focus();
    } catch (error) {
      complain(error.message);
    }
  };
  yes.addEventListener("click", act);
  if (input) input.addEventListener("keydown", (event) => { if (event.key === "Enter") act(); });
}

// ---- the whole page

async function readState() {
  state = await look("state");
  document.getElementById("gallery-name").textContent = state.gallery;
  document.getElementById("model-name").textContent = `Model ${state.model}, ${state.people} people enrolled.`;
  const names = await look("people?name=");
  clear(document.getElementById("names")).append(...names.people.map((one) => element("option", { value: one.name })));
}

function fillThresholds() {
  for (const threshold of state.thresholds) {
    thresholdSelect.append(element("option", { value: threshold.name }, `${threshold.value.toFixed(3)} (${threshold.name})`));
  }
  if (state.thresholds.length === 0) {
    for (const value of ["0.3", "0.4", "0.5", "0.6"]) thresholdSelect.append(element("option", { value }, value));
    thresholdSelect.value = "0.4";
  } else {
    thresholdSelect.value = state.default_threshold;
  }
  const explain = () => {
    const threshold = state.thresholds.find((one) => one.name === thresholdSelect.value);
    document.getElementById("threshold-meaning").textContent = threshold
      ? `${MEANINGS[threshold.name]}; measured on ${threshold.num_different + threshold.num_same} held-out pairs of the run, `
        + `where ${(100 * threshold.fnr).toFixed(1)} % of pairs of one person are refused.`
      : "The run has no held-out pairs, so no threshold was measured: this one is a guess.";
  };
  thresholdSelect.addEventListener("change", explain);
  explain();
}

function route(focus) {
  const wanted = location.hash.slice(1);
  const sections = [...document.querySelectorAll("main > section")];
  const current = sections.find((section) => section.id === wanted) || sections[0];
  for (const section of sections) section.hidden = section !== current;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${current.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  complain("");
  say("");
  document.title = `${current.querySelector("h1").textContent} – kaggle-face`;
  document.querySelector(".settings").hidden = !["identify", "verify"].includes(current.id);
  if (current.id === "people") listPeople().catch((error) => complain(error.message));
  if (focus) {
    window.scrollTo(0, 0);
    current.querySelector("h1").focus();
  }
}

window.addEventListener("hashchange", () => { if (location.hash !== "#main") route(true); });
setUpIdentify();
setUpVerify();
setUpEnroll();
setUpPeople();
readState().then(fillThresholds).then(() => {
  if (!location.hash && state.people === 0) history.replaceState(null, "", "#enroll");
  route(false);
  document.body.dataset.ready = "yes";
}).catch((error) => complain(error.message));

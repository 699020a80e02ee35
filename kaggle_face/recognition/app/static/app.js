// The page of one-shot recognition. Names and file names reach the page as text nodes, never as markup.

import { setUpEnroll } from "/static/enroll.js";
import { setUpIdentify } from "/static/identify.js";
import { complain, readState, say, state } from "/static/page.js";
import { listPeople, setUpPeople, showPerson } from "/static/people.js";
import { fillThresholds } from "/static/threshold.js";
import { setUpVerify } from "/static/verify.js";

const settings = document.getElementById("settings");
const problem = document.getElementById("problem");
const PERSON = /^person-([0-9]{1,15})$/;

function route(focus) {
  const wanted = location.hash.slice(1);
  const person = PERSON.exec(wanted);
  const sections = [...document.querySelectorAll("main > section")];
  const current = sections.find((section) => section.id === (person ? "person" : wanted) && (person || wanted !== "person"))
    || sections[0];
  for (const section of sections) section.hidden = section !== current;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${person ? "people" : current.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  complain("");
  say("");
  document.title = `${current.querySelector("h1").textContent} – kaggle-face`;
  const place = current.querySelector("[data-settings]");
  settings.hidden = place === null;
  if (place) place.append(settings);
  current.querySelector("[data-problem]").append(problem);
  const failed = (error) => complain(error.message);
  if (current.id === "people") listPeople().catch(failed);
  if (person) showPerson(Number(person[1])).catch(failed);
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
readState().then(() => {
  fillThresholds();
  if (!location.hash && state.people === 0) history.replaceState(null, "", "#enroll");
  route(false);
  document.body.dataset.ready = "yes";
}).catch((error) => complain(error.message)).finally(() => { document.getElementById("loading").hidden = true; });

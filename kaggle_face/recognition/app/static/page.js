// What all views share: messages, one question at a time, answers, and the state of the gallery.

import { ask, look } from "/static/server.js";
import { element, clear } from "/static/parts.js";

const status = document.getElementById("status");
const problem = document.getElementById("problem");

export let state = null;

export function say(text) { status.textContent = text; }

export function complain(text) {
  problem.hidden = !text;
  problem.textContent = text || "";
}

export function counted(number, one, many) { return `${number} ${number === 1 ? one : many}`; }

export function pictures(number) { return counted(number, "picture", "pictures"); }

export async function readState() {
  state = await look("state");
  document.getElementById("gallery-name").textContent = state.gallery;
  document.getElementById("model-name").textContent =
    `Model ${state.model}, ${counted(state.people, "person", "people")} enrolled.`;
  const names = await look("people?name=");
  clear(document.getElementById("names")).append(...names.people.map((one) => element("option", { value: one.name })));
}

export function isBusy(section) { return !section.querySelector("[data-busy]").hidden; }

export async function attempt(section, work, refresh) {
  const busy = section.querySelector("[data-busy]");
  const answer = section.querySelector("[data-answer]");
  complain("");
  say("");
  busy.hidden = false;
  answer.setAttribute("aria-busy", "true");
  refresh();
  try {
    await work();
  } catch (error) {
    clear(answer);
    complain(error.message);
    problem.scrollIntoView({ block: "nearest" });
  } finally {
    busy.hidden = true;
    answer.removeAttribute("aria-busy");
    refresh();
  }
}

export function show(section, children, announcement) {
  const answer = section.querySelector("[data-answer]");
  clear(answer).append(...children);
  say(announcement);
  const verdict = answer.querySelector(".verdict");
  if (verdict.getBoundingClientRect().bottom > window.innerHeight) answer.scrollIntoView();
}

// Puts a question in the place of an element's buttons; `text` is what is edited, or null to confirm.
export function confirmIn(ways, question, text, yesWord, work) {
  const former = [...ways.childNodes];
  const input = text === null ? null : element("input", { "aria-label": question, maxlength: "100" });
  const yes = element("button", { type: "button", class: text === null ? "danger" : "" }, yesWord);
  const no = element("button", { type: "button" }, "Cancel");
  const focused = document.activeElement;
  if (input) input.value = text;
  clear(ways).append(...(input ? [input] : [element("span", {}, question)]), yes, no);
  (input || no).focus();
  no.addEventListener("click", () => { clear(ways).append(...former); focused.focus(); });
  const act = async () => {
    complain("");
    yes.disabled = true;
    try {
      await work(input ? input.value : null);
    } catch (error) {
      complain(error.message);
    } finally {
      yes.disabled = false;
    }
  };
  yes.addEventListener("click", act);
  if (input) input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !yes.disabled) act(); });
}

export { ask, look };

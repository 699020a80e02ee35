// "Is it the same person?": one face against another, or against an enrolled person.

import { ask, attempt, isBusy, show } from "/static/page.js";
import { element, clear, scoreScale, decisionFacts, verdict } from "/static/parts.js";
import { Picker } from "/static/picker.js";
import { caution, chosenThreshold, inWords, onThreshold, refusesMany } from "/static/threshold.js";

function titleOf(accepted, whom, provesLittle) {
  if (accepted) return whom ? `This is ${whom}` : "The same person";
  if (provesLittle) return whom ? `Not like enough to ${whom}` : "Not alike enough";
  return whom ? `This is not ${whom}` : "Different people";
}

export function setUpVerify() {
  const section = document.getElementById("verify");
  const go = section.querySelector("[data-go]");
  const nameField = section.querySelector("[data-name]");
  const name = nameField.querySelector("input");
  const againstName = () => section.querySelector("input[name=against]:checked").value === "name";
  const comparison = () => ({
    face: first.face,
    other: againstName() ? null : second.face,
    name: againstName() ? name.value : null,
    threshold: chosenThreshold(),
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
  const first = new Picker("One picture", changed);
  const second = new Picker("Other picture", changed);
  section.querySelector("[data-pickers]").append(first.root, second.root);
  section.querySelectorAll("input[name=against]").forEach((radio) => radio.addEventListener("change", changed));
  name.addEventListener("input", changed);
  onThreshold(changed);
  go.addEventListener("click", () => attempt(section, async () => {
    const asked = comparison();
    const question = { face: asked.face.key, threshold: asked.threshold };
    if (asked.name === null) question.other = asked.other.key; else question.name = asked.name;
    const answer = await ask("verify", question);
    const now = comparison();
    if (Object.keys(asked).some((part) => asked[part] !== now[part])) return; // something else was chosen meanwhile
    const whom = answer.person ? answer.person.name : null;
    const title = titleOf(answer.accepted, whom, refusesMany(answer.threshold));
    show(section, [element("div", { class: "card" },
      verdict(answer.accepted, title, answer.accepted ? "accepted" : "rejected", whom ? answer.person.picture : null),
      caution(answer) || "",
      scoreScale(answer), decisionFacts(answer, inWords(answer.threshold)))],
    `${title}, score ${answer.score.toFixed(2)}, threshold ${answer.threshold.value.toFixed(2)}`);
  }, refresh));
}

// "Who is this?": one face against everyone who is enrolled.

import { ask, attempt, counted, isBusy, show } from "/static/page.js";
import { element, clear, scoreScale, neighbourList, decisionFacts, verdict } from "/static/parts.js";
import { Picker } from "/static/picker.js";
import { caution, chosenThreshold, inWords, onThreshold } from "/static/threshold.js";

function strangers(answer) {
  const people = `Compared with ${counted(answer.people, "person", "people")}.`;
  if (answer.false_alarm_rate === null) return people;
  const share = answer.false_alarm_rate;
  return share === 0 ? `${people} At this threshold no enrolled person is taken for another.`
    : `${people} At this threshold about ${(100 * share).toFixed(1)} % of unknown people would get somebody's name.`;
}

export function setUpIdentify() {
  const section = document.getElementById("identify");
  const go = section.querySelector("[data-go]");
  const refresh = () => { go.disabled = isBusy(section) || !picker.face; };
  const changed = () => {
    refresh();
    clear(section.querySelector("[data-answer]"));
  };
  const picker = new Picker("Picture", changed);
  section.querySelector("[data-pickers]").append(picker.root);
  onThreshold(changed); // an answer stays only beside the threshold that decided it
  go.addEventListener("click", () => attempt(section, async () => {
    const { face } = picker;
    const threshold = chosenThreshold();
    const answer = await ask("identify", { face: face.key, threshold });
    if (picker.face !== face || chosenThreshold() !== threshold) return; // something else was chosen meanwhile
    const title = answer.person ? answer.person.name : "Unknown";
    const enrolled = answer.person && answer.person.picture !== null ? answer.person.picture : null;
    show(section, [
      element("div", { class: "card" },
        verdict(answer.accepted, title, answer.accepted ? "recognized" : "nobody is near enough", enrolled),
        caution(answer) || "",
        scoreScale(answer), decisionFacts(answer, inWords(answer.threshold))),
      element("div", { class: "card" },
        element("h2", {}, "Nearest people"), neighbourList(answer), element("p", { class: "small" }, strangers(answer))),
    ], answer.accepted ? `Recognized: ${title}, score ${answer.score.toFixed(2)}`
      : `Unknown, best score ${answer.score.toFixed(2)}`);
  }, refresh));
}

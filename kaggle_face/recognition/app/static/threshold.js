// From which score on two faces are called the same person: the choice, in words, and what it costs.

import { state } from "/static/page.js";
import { element, clear } from "/static/parts.js";

const select = document.getElementById("threshold");
// From this share of refused genuine pairs on, a refusal is not worth much, and the page warns.
const WARN_FROM = 0.2;
// A rate is hardly known where fewer pairs than these were to pass.
const FEW_PAIRS = 10;
const GUESSES = ["0.3", "0.4", "0.5", "0.6"];
const USUAL_GUESS = "0.4";
const NAMED = {
  "fpr-1e-3": { word: "strict", one_in: 1000 },
  "fpr-1e-2": { word: "lenient", one_in: 100 },
};

function percent(share) { return `${(100 * share).toFixed(1)} %`; }

// "strict: 1 in 1,000 unknown people passes"
export function inWords(threshold) {
  const named = NAMED[threshold.name];
  if (named) return `${named.word}: 1 in ${named.one_in.toLocaleString("en")} unknown people passes`;
  if (threshold.name === "eer") return `even: ${percent(threshold.fpr)} of unknown people pass`;
  return "not measured";
}

export function chosenThreshold() { return select.value; }

export function refusesMany(threshold) { return threshold.fnr !== null && threshold.fnr >= WARN_FROM; }

// What to read beside a refusal: how many genuine pairs are refused as well; null where that is rare.
export function caution(answer) {
  const { threshold } = answer;
  if (answer.accepted || !refusesMany(threshold)) return null;
  return element("p", { class: "caution" },
    `This proves little: ${percent(threshold.fnr)} of genuine pairs are refused too.`);
}

function meaning(threshold) {
  const named = NAMED[threshold.name];
  const few = named && threshold.num_different < FEW_PAIRS * named.one_in ? ", too few to know it well" : "";
  const pairs = `${threshold.num_different.toLocaleString("en")} pairs of different people${few}`;
  const cost = threshold.fnr === null || refusesMany(threshold) ? "" : ` ${percent(threshold.fnr)} of genuine pairs are refused.`;
  return `Measured on ${pairs}.${cost}`;
}

function warning(threshold) {
  if (!threshold) {
    return [element("strong", {}, "Not measured:"), " the run has no held-out pairs, so this threshold is a guess."];
  }
  if (!refusesMany(threshold)) return null;
  const says = threshold.fnr >= 0.5 ? "a refusal says almost nothing" : "a refusal says little";
  return [element("strong", {}, `${percent(threshold.fnr)} of genuine pairs are refused`), `: ${says}.`];
}

export function explainThreshold() {
  const threshold = state.thresholds.find((one) => one.name === select.value);
  const lowest = threshold ? threshold.value : Number(select.value);
  document.getElementById("threshold-number").textContent = `a score of ${lowest.toFixed(3)} or more`;
  document.getElementById("threshold-meaning").textContent = threshold ? meaning(threshold) : "";
  const words = warning(threshold);
  const box = document.getElementById("threshold-warning");
  box.hidden = words === null;
  clear(box).append(...(words || []));
}

export function fillThresholds() {
  clear(select);
  for (const threshold of state.thresholds) {
    select.append(element("option", { value: threshold.name }, inWords(threshold)));
  }
  if (state.thresholds.length === 0) {
    for (const value of GUESSES) select.append(element("option", { value }, `guess: ${value}`));
  }
  select.value = state.thresholds.length === 0 ? USUAL_GUESS : state.default_threshold;
  select.addEventListener("change", explainThreshold);
  explainThreshold();
}

export function onThreshold(changed) { select.addEventListener("change", changed); }

// Small parts of the page, built as elements: a text is always a text node.

const LOWEST = -0.2;
const HIGHEST = 1;

export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function clear(node) {
  node.replaceChildren();
  return node;
}

export function crop(source, caption) {
  return element("figure", {}, element("img", { class: "crop", src: source, alt: "" }),
    element("figcaption", {}, caption));
}

export function signed(number, digits, plus = "") {
  return `${number < 0 ? "−" : plus}${Math.abs(number).toFixed(digits)}`;
}

export function facts(rows) {
  return element("dl", { class: "facts" },
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

export function decisionFacts(answer, words) {
  const { threshold } = answer;
  return facts([
    ["Score", signed(answer.score, 4)],
    ["Threshold", `${signed(threshold.value, 4)} (${words})`],
    ["Margin", signed(answer.margin, 4, "+")],
  ]);
}

// The answer in a few words; `picture` is the number of an enrolled person's picture, or null.
export function verdict(accepted, title, badge, picture) {
  const face = picture === null ? ""
    : element("img", { class: "enrolled", src: `/pictures/${picture}.png`, alt: `Enrolled picture` });
  return element("p", { class: `verdict ${accepted ? "good" : "bad"}` }, face,
    element("span", {}, title), element("span", { class: "badge" }, badge));
}

export function noPicture() { return element("span", { class: "none" }, "not kept"); }

function place(score) {
  return 100 * Math.min(1, Math.max(0, (score - LOWEST) / (HIGHEST - LOWEST)));
}

function at(node, score) {
  node.style.left = `${place(score)}%`;
  return node;
}

export function scoreScale(answer) {
  const threshold = answer.threshold.value;
  const words = `Score ${answer.score.toFixed(2)} on a scale from ${LOWEST} to ${HIGHEST}; `
    + `accepted from ${threshold.toFixed(2)} on: ${answer.accepted ? "accepted" : "rejected"}.`;
  const pass = element("span", { class: "pass" });
  pass.style.left = `${place(threshold)}%`;
  const edge = place(threshold) < 12 ? " first" : place(threshold) > 88 ? " last" : "";
  return element("div", { class: `scale${answer.accepted ? "" : " low"}`, role: "img", "aria-label": words },
    element("span", { class: "track" }, pass),
    at(element("span", { class: "mark" }), threshold),
    at(element("span", { class: "value" }), answer.score),
    at(element("span", { class: "tick first" }, "different people"), LOWEST),
    at(element("span", { class: "tick last" }, "same person"), HIGHEST),
    at(element("span", { class: `tick strong${edge}` }, `threshold ${threshold.toFixed(2)}`), threshold));
}

export function neighbourList(answer) {
  const threshold = answer.threshold.value;
  return element("ol", { class: "neighbours" }, ...answer.candidates.map((person) => {
    const over = person.score >= threshold;
    const fill = element("span", { class: "fill" });
    fill.style.width = `${place(person.score)}%`;
    const bar = element("div", { class: `bar${over ? " over" : ""}`, "aria-hidden": "true" },
      fill, at(element("span", { class: "mark" }), threshold));
    const picture = person.picture === null ? noPicture()
      : element("img", { src: `/pictures/${person.picture}.png`, alt: "" });
    return element("li", {}, picture, element("div", {}, element("span", { class: "name" }, person.name), bar),
      element("span", { class: "score" }, signed(person.score, 3)));
  }));
}

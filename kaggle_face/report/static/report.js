"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = [...document.querySelectorAll("[data-chart]")];
  const specs = new Map();
  const drawn = new Set();

  const specOf = (chart) => {
    if (!specs.has(chart)) specs.set(chart, JSON.parse(document.getElementById(chart.dataset.chart).textContent));
    return specs.get(chart);
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Colours are names of the style sheet, so that a chart follows a light or dark page.
  const resolved = (value) => {
    if (typeof value === "string") {
      const found = /^var\((--[a-z0-9-]+)\)$/.exec(value);
      return found ? colour(found[1]) : value;
    }
    if (Array.isArray(value)) return value.map(resolved);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
    }
    return value;
  };
  const axis = (own) => ({
    gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line"),
    automargin: true, ...own,
  });
  const layoutOf = (spec, width) => {
    const own = resolved(spec.layout);
    const layout = {
      paper_bgcolor: colour("--paper"), plot_bgcolor: colour("--paper"), height: spec.height,
      font: { color: colour("--ink"), family: "system-ui, sans-serif", size: width < 600 ? 11 : 13 },
      margin: { l: 48, r: 12, t: 12, b: 44 }, hovermode: "closest", showlegend: spec.traces.length > 1,
      legend: { orientation: "h", yref: "container", y: 0, x: 0, yanchor: "bottom" },
      hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      ...own,
    };
    for (const key of ["xaxis", "yaxis", "xaxis2", "yaxis2"]) {
      if (key in own || !key.endsWith("2")) layout[key] = axis(own[key] || {});
    }
    return layout;
  };
  const plain = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  // A long name keeps both of its ends in the legend; the pointer and the tables show the whole name.
  const fitted = (traces, width) => {
    const most = Math.max(16, Math.floor((width - 90) / (width < 600 ? 6.5 : 7.5)));
    const short = (name) => {
      const letters = [...name];
      return letters.length <= most ? name : letters.slice(0, Math.ceil(most / 2)).join("") + "…" + letters.slice(1 - Math.floor(most / 2)).join("");
    };
    const names = traces.map((trace) => short(plain(trace.name || "")));
    const unique = new Set(names).size === names.length;
    return traces.map((trace, place) => (
      unique && trace.name && names[place] !== plain(trace.name)
        ? { ...trace, name: escaped(names[place]), hovertemplate: (trace.hovertemplate || "").replaceAll("%{fullData.name}", "%{meta}"), meta: trace.name }
        : trace));
  };
  const draw = (chart) => {
    const spec = specOf(chart);
    const shown = Plotly.react(chart, fitted(resolved(spec.traces), chart.clientWidth), layoutOf(spec, chart.clientWidth), {
      responsive: true, displaylogo: false, plotlyServerURL: "",
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
    });
    if (!drawn.has(chart)) {
      drawn.add(chart);
      if (spec.thumbnails.length) followPointer(chart, spec);
      shown.then(() => { chart.dataset.drawn = "yes"; });
    }
  };
  const drawAll = () => charts.forEach(draw);

  const box = document.getElementById("hover-picture");
  const hidePicture = () => { box.hidden = true; };
  const showPicture = (spec, curve, point, x, y) => {
    const number = (spec.pictures[curve] || [])[point];
    if (number === null || number === undefined) return hidePicture();
    box.firstElementChild.src = spec.thumbnails[number];
    box.hidden = false;
    box.style.left = Math.max(4, Math.min(x + 14, innerWidth - 112)) + "px";
    box.style.top = Math.max(4, Math.min(y - 118, innerHeight - 112)) + "px";
  };
  const followPointer = (chart, spec) => {
    chart.on("plotly_hover", (event) => {
      const point = event.points[0];
      const number = point.pointNumber ?? point.pointIndex;
      const place = event.event ? [event.event.clientX, event.event.clientY] : placeOf(chart, point.curveNumber, number);
      showPicture(spec, point.curveNumber, number, ...place);
    });
    chart.on("plotly_unhover", hidePicture);
    let at = -1;
    const points = spec.pictures.flatMap((each, curve) => each.map((_, point) => ({ curveNumber: curve, pointNumber: point })));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") { Plotly.Fx.unhover(chart); return hidePicture(); }
      if (!step || event.target !== chart || !points.length) return;
      event.preventDefault();
      at = (at + step + points.length) % points.length;
      const { curveNumber, pointNumber } = points[at];
      Plotly.Fx.hover(chart, [points[at]]); // which calls nobody back
      showPicture(spec, curveNumber, pointNumber, ...placeOf(chart, curveNumber, pointNumber));
    });
    chart.addEventListener("blur", hidePicture);
  };
  const placeOf = (chart, curve, point) => {
    const frame = chart.getBoundingClientRect();
    const { xaxis, yaxis } = chart._fullLayout;
    const { x, y } = chart.data[curve];
    return [frame.left + xaxis._offset + xaxis.d2p(x[point]), frame.top + yaxis._offset + yaxis.d2p(y[point])];
  };

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
    }
  }, { rootMargin: "600px" });
  charts.forEach((chart) => near.observe(chart));
  dark.addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; drawAll(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; drawAll(); });

  const contents = document.getElementById("contents");
  contents.addEventListener("click", (event) => { if (event.target.closest("a")) contents.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && contents.open) { contents.open = false; contents.firstElementChild.focus(); }
  });

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
  };
  // What is missing stands behind the numbers in either order.
  const compared = (a, b, sign) => {
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return sign * a.localeCompare(b, "en", { numeric: true });
  };
  document.querySelectorAll("table").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compared(keyOf(a, column), keyOf(b, column), sign));
      table.tBodies[0].append(...rows);
    }));
  });
  document.body.dataset.ready = "yes";
})();

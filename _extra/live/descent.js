// The way back through a softmax as areas: a column is as wide as its weight, and reaches from the
// mean of the row to the derivative by that weight. Its area is the derivative by the score.
"use strict";

Live.figure("descent", (root) => {
  const start = [0.7, 0, -0.4];
  const scores = [...start], upstream = [2, -1.5, 0.5];
  const limit = 4, left = 25, width = 230, height = 260, top = 12, whole = 297;
  const py = (y) => height / 2 - (y * height) / (2 * limit);
  const signed = (x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
  const named = (keys) => `score${keys.length > 1 ? "s" : ""} ${keys.join(" and ")}`;
  let steps = 0, shown;

  const picture = Live.svg("svg", { viewBox: `0 ${-top} 300 ${whole}`, class: "live-areas", role: "group", "aria-label": "weights and derivatives of three keys" });
  const put = (element, attributes) => Live.fill(element, attributes, []);
  const add = (tag, attributes) => picture.appendChild(Live.svg(tag, attributes));
  for (let y = -limit; y <= limit; y += 2) {
    add("line", { x1: left, x2: left + width, y1: py(y), y2: py(y), class: "live-axis" });
    add("text", { x: left - 5, y: py(y) + 4, "text-anchor": "end" }).textContent = `${y}`.replace("-", "−");
  }
  const columns = scores.map(() => ({
    area: add("rect", { class: "live-area" }),
    name: add("text", { y: height + 20, "text-anchor": "middle" }),
    size: add("text", { "text-anchor": "middle" }),
  }));
  const mean = add("line", { x1: left, x2: left + width, class: "live-mean" });
  const meanName = add("text", { x: left + width + 5 });
  meanName.textContent = "mean";
  const handles = scores.map((_, j) => handle(j));
  const table = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });

  // The top of a column: it goes up and down, by pointer or with the arrow keys.
  function handle(j) {
    const knob = add("g", { class: "live-point live-query", tabindex: 0, role: "slider", "aria-orientation": "vertical",
      "aria-valuemin": -limit, "aria-valuemax": limit });
    knob.append(Live.svg("circle", { r: 11 }), Live.svg("text", { y: 4, "text-anchor": "middle" }));
    knob.lastChild.textContent = j;
    const to = (y) => {
      upstream[j] = Math.round(Math.max(-limit, Math.min(limit, y)) * 20) / 20;
      draw();
    };
    knob.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 0.2, ArrowRight: 0.2, ArrowDown: -0.2, ArrowLeft: -0.2 }[event.key];
      if (!step) return;
      event.preventDefault();
      to(upstream[j] + step);
    });
    knob.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    knob.addEventListener("pointerdown", (event) => {
      knob.setPointerCapture(event.pointerId);
      knob.focus();
    });
    knob.addEventListener("pointermove", (event) => {
      if (!knob.hasPointerCapture(event.pointerId)) return;
      const box = picture.getBoundingClientRect();
      const y = ((event.clientY - box.top) / box.height) * whole - top;
      to(((height / 2 - y) * 2 * limit) / height);
    });
    return knob;
  }

  function draw() {
    const weights = Live.softmax(scores), middle = Live.dot(weights, upstream);
    const back = weights.map((a, j) => a * (upstream[j] - middle));
    shown = { call: "softmax_backward", arguments: { scores: [...scores], upstream: [...upstream] },
      result: { weights, mean: middle, scores: back } };
    let x = left;
    columns.forEach(({ area, name, size }, j) => {
      const [y, other] = [py(upstream[j]), py(middle)], centre = x + (weights[j] * width) / 2;
      put(area, { x, width: weights[j] * width, y: Math.min(y, other), height: Math.abs(y - other),
        class: `live-area ${back[j] > 0 ? "live-above" : "live-below"}` });
      put(name, { x: centre });
      put(size, { x: centre, y: (y + other) / 2 + 4 + (y < other ? 7 : -7) });
      size.textContent = weights[j] < 0.15 || Math.abs(y - other) < 36 ? "" : signed(back[j]);
      name.textContent = weights[j] < 0.08 ? "" : `${(100 * weights[j]).toFixed(0)} %`;
      put(handles[j], { transform: `translate(${centre} ${y})`, "aria-valuenow": upstream[j],
        "aria-label": `derivative by the weight of key ${j}`, "aria-valuetext": signed(upstream[j]) });
      x += weights[j] * width;
    });
    put(mean, { y1: py(middle), y2: py(middle) });
    put(meanName, { y: py(middle) + 4 });
    Live.show(table, Live.table([weights, upstream, back], { caption: "three keys of one query",
      rows: ["weight α, width", "ᾱ, where it ends", "s̄, its area"], columns: ["0", "1", "2"],
      shade: (value) => (weights.includes(value) ? value : 0) }));
    const falls = [0, 1, 2].filter((j) => back[j] > 0.005), rises = [0, 1, 2].filter((j) => back[j] < -0.005);
    const most = Math.max(...weights);
    says.textContent = `The mean, dashed, is ${signed(middle)}${steps ? ` after ${steps} step${steps > 1 ? "s" : ""}` : ""}. `
      + (falls.length && rises.length
        ? `A step downhill lowers ${named(falls)} and raises ${named(rises)}. What lies above the mean has the same area as what lies below.`
        : most > 0.99 ? "One weight is nearly 1: no area is left, and nothing is learned." : "All columns end at the mean: no area, no gradient.");
  }

  const sliders = scores.map((value, j) => Live.slider(`score ${j}`, { min: -6, max: 6, step: 0.01, value },
    (s) => { scores[j] = s; steps = 0; draw(); }));
  const set = (values, count) => {
    sliders.forEach((slider, j) => {
      const input = slider.querySelector("input");
      input.value = values[j];
      input.dispatchEvent(new Event("input"));
    });
    steps = count;
    draw();
  };
  const button = (text, onclick) => Live.make("button", { type: "button", onclick }, text);
  root.append(
    Live.make("p", { class: "live-task" },
      "A column is as wide as the weight of its key, and ends at ᾱ, the derivative of the loss by that weight. Its area is s̄, the derivative by the score. Drag the numbered ends, or move them with the arrow keys; then go downhill, step by step."),
    Live.make("div", { class: "live-buttons" },
      button("a step downhill", () => set(scores.map((s, j) => s - 2 * shown.result.scores[j]), steps + 1)),
      button("back to the start", () => set(start, 0))),
    Live.make("div", { class: "live-side" }, Live.make("div", {}, picture, ...sliders), Live.make("div", {}, table, says)),
  );
  draw();
  return () => shown;
});

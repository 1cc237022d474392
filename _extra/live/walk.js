// One query walks through attention: scores, scale, mask, softmax, average, a step at a time.
"use strict";

Live.figure("walk", (root) => {
  const names = ["the", "cat", "sat", "down"];
  const k = [[0.5, -1, 0, 0.5], [2, 1, 1, 0], [-1, 1.5, 1, 1], [1, 0, -2, 1]];
  const v = [[0.2, 0.9], [0.9, 0.1], [0.1, 0.2], [0.6, 0.8]];
  const queries = { "the asks": 0, "cat asks": 1, "sat asks": 2, "down asks": 3 };
  const q = [[1, 0.5, 0.5, 0], [1.5, 1, -0.5, 1], [2, -0.5, 1.5, 0], [0.5, 1, 0.5, 2]];
  const state = { asks: 2, step: 0 };
  let shown;

  const seen = (j) => j <= state.asks;
  const scores = () => k.map((key) => Live.dot(q[state.asks], key));
  const scaled = () => scores().map((s) => s / Math.sqrt(k[0].length));
  const masked = () => scaled().map((s, j) => (seen(j) ? s : null));
  const exponentials = () => {
    const peak = Math.max(...masked().filter((s) => s !== null));
    return masked().map((s) => (s === null ? 0 : Math.exp(s - peak)));
  };
  const weights = () => Live.softmax(masked());

  // What each step says, the number that each key has then, and how long a bar of 1 is.
  const STEPS = [
    { title: "Scores", numbers: scores, unit: 0.2,
      says: () => `The query of “${names[state.asks]}” meets every key: a dot product each. Scores may be negative.` },
    { title: "Scale", numbers: scaled, unit: 0.2,
      says: () => `Divided by √d = √${k[0].length} = ${Math.sqrt(k[0].length)}, so that long vectors make no larger scores.` },
    { title: "Mask", numbers: masked, unit: 0.2,
      says: () => `A causal mask: “${names[state.asks]}” may not look at what comes after it. A hidden score becomes −∞.` },
    { title: "Exponentials", numbers: exponentials, unit: 1,
      says: () => "The largest score is subtracted, then comes the exponential: all are positive now, and the largest is 1." },
    { title: "Weights", numbers: weights, unit: 1,
      says: () => `Divided by their sum, ${exponentials().reduce((a, b) => a + b).toFixed(2)}: the softmax. The weights sum to 1.` },
    { title: "Average", numbers: weights, unit: 1,
      says: () => `Each value times its weight, added up: (${Live.average([weights()], v)[0].map((x) => x.toFixed(2)).join(", ")}).` },
  ];

  const rows = names.map((name) => {
    const bar = Live.make("span", { class: "walk-bar" });
    const number = Live.make("span", { class: "walk-number" });
    const value = Live.make("span", { class: "walk-value" });
    const row = Live.make("div", { class: "walk-row" }, Live.make("span", { class: "walk-name" }, name),
      Live.make("span", { class: "walk-track" }, bar), number, value);
    return { row, bar, number, value };
  });
  const title = Live.make("p", { class: "walk-title" });
  const says = Live.make("p", { "aria-live": "polite", class: "walk-says" });
  const move = (by) => () => { state.step += by; draw(); };
  const back = Live.make("button", { type: "button", onclick: move(-1) }, "Back");
  const next = Live.make("button", { type: "button", onclick: move(1) }, "Next step");

  const written = (x) => (x === null ? "−∞" : x.toFixed(2).replace("-", "−"));

  function draw() {
    const last = STEPS.length - 1;
    const { title: name, numbers, unit, says: words } = STEPS[state.step];
    const mask = [names.map((_, j) => seen(j))];
    const result = { weights: [weights()], output: Live.average([weights()], v) };
    shown = { call: "attention", arguments: { q: [q[state.asks]], k, v, mask }, result };
    numbers().forEach((x, j) => {
      const { row, bar, number, value } = rows[j];
      const length = Math.abs(x ?? 0) * unit * 50;
      bar.style.width = `${Math.min(50, length)}%`;
      bar.style.left = `${x < 0 ? 50 - Math.min(50, length) : 50}%`;
      row.classList.toggle("walk-hidden", state.step >= 2 && !seen(j));
      number.textContent = written(x);
      value.textContent = state.step < last ? "" : `× (${v[j].join(", ")})`;
    });
    title.textContent = `${state.step + 1} of ${STEPS.length}: ${name}`;
    says.textContent = words();
    back.disabled = state.step === 0;
    next.disabled = state.step === last;
  }

  root.append(
    Live.make("p", { class: "live-task" }, "Before each step, guess what the bars will do."),
    Live.choice("who asks", Object.keys(queries), "sat asks", (name) => { state.asks = queries[name]; draw(); }),
    title, Live.make("div", { class: "walk-rows" }, ...rows.map(({ row }) => row)), says,
    Live.make("div", { class: "live-choice" }, back, next),
  );
  draw();
  return () => shown;
});

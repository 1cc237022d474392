// How sharp is a softmax, and what gradient does it leave? Scores, their factor, the length of keys.
"use strict";

Live.figure("softmax", (root) => {
  const base = [1, 0.5, 0, -0.5, -1.5]; // scores of unit size, for keys of one feature
  const state = { length: 64, scaled: "divided by √d", beta: 1 };
  let shown;

  const bars = Live.make("div", { class: "live-side" });
  const names = ["a", "b", "c", "d", "e"];
  const says = Live.make("p", { "aria-live": "polite" });

  function draw() {
    const size = state.scaled === "as they are" ? Math.sqrt(state.length) : 1;
    const scores = base.map((s) => s * size * state.beta);
    const weights = Live.softmax(scores);
    const jacobian = Math.sqrt(weights.reduce((sum, a, i) =>
      sum + weights.reduce((row, b, j) => row + ((i === j ? a : 0) - a * b) ** 2, 0), 0));
    const peak = Math.max(...weights);
    shown = { call: "softmax", arguments: { scores }, result: { weights, jacobian } };
    Live.show(bars,
      Live.bars(scores, { caption: "scores of five keys", names, limit: Math.max(...scores.map(Math.abs), 3) }),
      Live.bars(weights, { caption: "their weights", names, digits: 3 }));
    says.textContent = `Largest weight ${peak.toFixed(3)}, size of the gradient |J| = ${jacobian.toPrecision(2)}: `
      + (jacobian < 0.01 ? "saturated, hardly anything is learned." : peak < 0.3 ? "nearly the mean." : "awake.");
  }

  const change = (name) => (value) => { state[name] = value; draw(); };
  root.append(
    Live.make("p", { class: "live-task" }, "Lengthen the keys without the scale, and watch the gradient."),
    Live.slider("length of the keys d", { min: 0, max: 12, step: 1, value: 6 },
      (power) => change("length")(2 ** power), (power) => String(2 ** power)),
    Live.choice("scores", ["divided by √d", "as they are"], state.scaled, change("scaled")),
    Live.slider("sharpness β", { min: 0, max: 4, step: 0.1, value: 1 }, change("beta"), (x) => x.toFixed(1)),
    bars, says,
  );
  draw();
  return () => shown;
});

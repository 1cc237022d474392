// A Gaussian kernel over data points that can be moved, from the nearest point to the mean.
"use strict";

Live.figure("kernel", (root) => {
  const data = [[-2.4, -1.2], [-1.6, 0.6], [-0.7, 1.5], [0.3, 0.4], [1.1, -1.3], [2.2, -0.4]];
  const xs = Array.from({ length: 121 }, (_, n) => -3 + n / 20);
  const state = { sigma: 0.5, x: 0 };
  let shown;

  const { svg, point, px } = Live.plane(3, "data points");
  const curve = svg.appendChild(Live.svg("polyline", { class: "live-curve" }));
  const question = svg.appendChild(Live.svg("line", { class: "live-question" }));
  const bars = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });
  const weights = (x) => Live.softmax(data.map(([k]) => -((x - k) ** 2) / (2 * state.sigma ** 2)));
  const answer = (x) => Live.dot(weights(x), data.map(([, y]) => y));

  function draw() {
    const row = weights(state.x), y = answer(state.x);
    shown = {
      call: "kernel",
      arguments: { q: [[state.x]], k: data.map(([x]) => [x]), v: data.map(([, y]) => [y]), sigma: state.sigma },
      result: { weights: [row], output: [[y]] },
    };
    curve.setAttribute("points", xs.map((x) => `${px(x)},${px(-answer(x))}`).join(" "));
    Live.fill(question, { x1: px(state.x), x2: px(state.x), y1: 0, y2: 300 }, []);
    Live.show(bars, Live.bars(row, { caption: `weights at x = ${state.x.toFixed(2)}`, names: data.map((_, j) => `p${j}`) }));
    const peak = Math.max(...row);
    says.textContent = `The answer there is ${y.toFixed(3)}; the largest weight is ${peak.toFixed(2)}: `
      + (peak > 0.99 ? "one point decides." : peak < 0.2 ? "nearly the mean of all." : "a few neighbours decide.");
  }

  data.forEach((position, j) => point(`p${j}`, position, "live-key", draw));
  root.append(
    Live.make("p", { class: "live-task" }, "Make the kernel narrow and wide, and drag the points."),
    Live.slider("width σ", { min: -2, max: 1, step: 0.05, value: Math.log10(state.sigma) },
      (power) => { state.sigma = 10 ** power; draw(); }, (power) => (10 ** power).toPrecision(2)),
    Live.slider("question x", { min: -3, max: 3, step: 0.05, value: 0 }, (x) => { state.x = x; draw(); }),
    Live.make("div", { class: "live-side" }, svg, Live.make("div", {}, bars, says)),
  );
  draw();
  return () => shown;
});

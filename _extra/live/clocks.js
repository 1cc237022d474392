// RoPE: each pair of features is a clock, whose two hands are the query and the key. Their score
// is the sum of the cosines between the hands, over √d_k; the curve has it for every distance.
"use strict";

Live.figure("clocks", (root) => {
  const pairs = 4, width = 300, height = 110, far = 64;
  const state = { key: 10, distance: 3, base: 4 };
  let shown;

  const omega = () => Array.from({ length: pairs }, (_, m) => (10 ** state.base) ** (-m / pairs));
  const score = (speeds, distance) =>
    speeds.reduce((sum, w) => sum + Math.cos(w * distance), 0) / Math.sqrt(2 * pairs);

  const faces = Live.svg("svg", { viewBox: `0 0 ${width} 96`, class: "live-areas", role: "img" });
  const hands = omega().map((_, m) => {
    const x = 37.5 + 75 * m;
    const hand = (className) => Live.svg("line", { x1: x, y1: 36, class: className });
    const clock = { x, query: hand("live-mean"), key: hand("live-curve"), name: Live.svg("text", { x, y: 90, "text-anchor": "middle" }) };
    faces.append(Live.svg("circle", { cx: x, cy: 36, r: 33, class: "live-frame" }), clock.query, clock.key, clock.name);
    return clock;
  });

  const px = (distance) => ((distance + far) / (2 * far)) * width;
  const py = (value) => height / 2 - (value / Math.sqrt(pairs / 2)) * (height / 2 - 6);
  const plot = Live.svg("svg", { viewBox: `0 -2 ${width} ${height + 22}`, class: "live-areas", role: "img" });
  const curve = Live.svg("polyline", { class: "live-curve" });
  const at = Live.svg("line", { y1: 0, y2: height, class: "live-question" });
  const mark = Live.svg("circle", { r: 5, class: "live-pooled" });
  plot.append(Live.svg("line", { x1: 0, x2: width, y1: py(0), y2: py(0), class: "live-axis" }), curve, at, mark);
  for (const distance of [-60, -30, 0, 30, 60]) {
    plot.append(Live.svg("text", { x: px(distance), y: height + 16, "text-anchor": "middle" }, `${distance}`.replace("-", "−")));
  }
  const says = Live.make("p", { "aria-live": "polite" });
  const degrees = (angle) => `${Math.round((angle * 180) / Math.PI)}°`.replace("-", "−");

  function draw() {
    const speeds = omega(), i = state.key + state.distance, j = state.key;
    const value = score(speeds, i - j);
    shown = {
      call: "rope",
      arguments: { i, j, omega: speeds },
      result: { score: value, angles: speeds.map((w) => w * (i - j)) },
    };
    hands.forEach(({ x, query, key, name }, m) => {
      // Both begin at three o'clock, as (1, 0), and turn against the clock.
      const end = (place, length) => ({ x2: x + length * Math.cos(speeds[m] * place), y2: 36 - length * Math.sin(speeds[m] * place) });
      Live.fill(query, end(i, 31), []);
      Live.fill(key, end(j, 25), []);
      name.textContent = degrees(speeds[m] * (i - j));
    });
    faces.setAttribute("aria-label", `angles between query and key: ${speeds.map((w) => degrees(w * (i - j))).join(", ")}`);
    curve.setAttribute("points", Array.from({ length: 4 * far + 1 }, (_, n) => n / 2 - far)
      .map((distance) => `${px(distance)},${py(score(speeds, distance))}`).join(" "));
    Live.fill(at, { x1: px(i - j), x2: px(i - j) }, []);
    Live.fill(mark, { cx: px(i - j), cy: py(value) }, []);
    plot.setAttribute("aria-label", `the score over the distance; at ${i - j} it is ${value.toFixed(3)}`);
    says.textContent = `Query at ${i}, key at ${j}: their score is ${value.toFixed(3).replace("-", "−")}, and would be in any other place ${Math.abs(i - j)} apart.`;
  }

  const move = (name) => (value) => { state[name] = value; draw(); };
  const whole = (x) => `${x}`.replace("-", "−");
  const titled = (title, svg) => Live.make("div", {}, Live.make("p", { class: "live-title" }, title), svg);
  root.append(
    Live.make("p", { class: "live-task" },
      "Move the key: all hands turn, and the score stays. Change the distance: it follows the curve. Then make the base large, and see which clock is left to tell near from nearer."),
    Live.slider("position of the key", { min: 0, max: 200, step: 1, value: state.key }, move("key"), whole),
    Live.slider("distance of the query", { min: -far, max: far, step: 1, value: state.distance }, move("distance"), whole),
    Live.slider("base", { min: 1, max: 6, step: 0.1, value: state.base }, move("base"), (power) => `${Math.round(10 ** power)}`),
    Live.make("div", { class: "live-side" },
      titled("Four pairs: query dashed, key solid, the angle between them", faces),
      titled("The score at every distance", plot)),
    says,
  );
  draw();
  return () => shown;
});

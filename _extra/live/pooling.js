// Three words, one learned query: their order does not matter until their places are added.
"use strict";

Live.figure("pooling", (root) => {
  const words = { dog: [1.9, 1.3], bites: [-1.6, 1.2], man: [0.9, -1.9] };
  const places = [[-0.9, -0.3], [0, 0.8], [0.9, -0.3]];
  const w = [0.5, -0.5];
  const orders = ["dog bites man", "dog man bites", "bites dog man", "bites man dog", "man dog bites", "man bites dog"];
  const state = { order: orders[0], places: false };
  let shown;

  const { svg, point, px } = Live.plane(3, "words, query and pooled vector in the plane");
  const line = (className) => svg.appendChild(Live.svg("line", { class: className }));
  const put = (element, attributes) => Live.fill(element, attributes, []);
  const between = (element, a, b, style = "") =>
    put(element, { x1: px(a[0]), y1: px(-a[1]), x2: px(b[0]), y2: px(-b[1]), style });
  const direction = line("live-axis"), arrow = line("live-curve");
  const pulls = places.map(() => line("live-pull"));
  const moves = places.map(() => line("live-question"));
  const ghosts = orders.map(() => svg.appendChild(Live.svg("circle", { r: 4, class: "live-ghost" })));
  const pooled = svg.appendChild(Live.svg("path", { d: "M0 -8 L8 0 L0 8 L-8 0 Z", class: "live-pooled" }));
  const bars = Live.svg("svg", { viewBox: "0 0 300 150", class: "live-bars", role: "img" });
  const says = Live.make("p", { "aria-live": "polite" });

  const columns = places.map((_, j) => {
    const column = { bar: Live.svg("rect", { x: 25 + 100 * j, width: 50, class: "live-bar" }) };
    for (const name of ["word", "percent"])
      column[name] = Live.svg("text", { x: 50 + 100 * j, y: 145, "text-anchor": "middle" });
    bars.append(column.bar, column.word, column.percent);
    return column;
  });
  bars.append(Live.svg("line", { x1: 0, x2: 300, y1: 125, y2: 125, class: "live-axis" }));

  const sequence = (order) => order.split(" ").map((word, j) =>
    words[word].map((x, f) => x + (state.places ? places[j][f] : 0)));
  const pool = (x) => {
    const weights = Live.softmax(x.map((row) => Live.dot(row, w)));
    return { weights, output: Live.average([weights], x)[0] };
  };

  function draw() {
    const x = sequence(state.order), { weights, output } = pool(x);
    shown = { call: "pool", arguments: { x, w: [...w] }, result: { weights, output } };
    const all = orders.map((order) => pool(sequence(order)).output);
    const names = state.order.split(" ");
    between(direction, w.map((f) => -99 * f), w.map((f) => 99 * f));
    between(arrow, [0, 0], w);
    x.forEach((row, j) => {
      between(pulls[j], output, row, `stroke-width: ${0.5 + 9 * weights[j]}`);
      between(moves[j], words[names[j]], row);
      const height = 105 * weights[j], { bar, word, percent } = columns[j];
      put(bar, { y: 125 - height, height });
      put(percent, { y: 120 - height });
      word.textContent = names[j];
      percent.textContent = `${(100 * weights[j]).toFixed(0)} %`;
    });
    const at = ([a, b]) => `translate(${px(a)} ${px(-b)})`;
    all.forEach((o, n) => put(ghosts[n], { transform: at(o) }));
    put(pooled, { transform: at(output) });
    bars.setAttribute("aria-label", names.map((name, j) => `${name} ${columns[j].percent.textContent}`).join(", "));
    const apart = new Set(all.map((o) => o.map((f) => f.toFixed(6)).join()));
    says.textContent = `“${state.order}” becomes (${output.map((f) => f.toFixed(2)).join(", ")}). `
      + (apart.size === 1 ? "The other five orders become the same." : `Six orders, ${apart.size} vectors: the small circles.`);
  }

  for (const [name, position] of Object.entries(words))
    point(name, position, "live-key", draw).firstChild.setAttribute("r", 18);
  point("w", w, "live-query", draw);
  root.append(
    Live.make("p", { class: "live-task" },
      "Drag w, or move it with the arrow keys: the words that lie further in its direction weigh more. Then change the order of the words, without places and with them."),
    Live.choice("order of the words", orders, state.order, (order) => { state.order = order; draw(); }),
    Live.choice("places", ["without places", "with places"], "without places",
      (name) => { state.places = name === "with places"; draw(); }),
    Live.make("div", { class: "live-side" }, svg, Live.make("div", {}, bars, says)),
  );
  draw();
  return () => shown;
});

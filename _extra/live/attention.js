// An attention matrix whose queries and keys are dragged in the plane; one query in focus.
"use strict";

Live.figure("attention", (root) => {
  const q = [[1.5, 0.5], [-0.8, 1.9]];
  const k = [[2.2, 1.6], [0.6, -1.4], [-2, 0.8], [-1.5, -1.2]];
  const v = [[2.5, 1], [1, -2], [-2, 2], [-2.5, -1.5]];
  let focus = 0, shown;

  const { svg, point, px } = Live.plane(3, "queries and keys in the plane");
  const pulls = k.map(() => svg.appendChild(Live.svg("line", { class: "live-pull" })));
  const matrix = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });
  const two = (x) => x.map((n) => n.toFixed(2)).join(", ");

  function draw() {
    const { weights, output } = Live.attention(q, k, v);
    shown = { call: "attention", arguments: { q, k, v }, result: { weights, output } };
    pulls.forEach((line, j) => Live.fill(line, {
      x1: px(q[focus][0]), y1: px(-q[focus][1]), x2: px(k[j][0]), y2: px(-k[j][1]),
      style: `stroke-width: ${0.5 + 9 * weights[focus][j]}`,
    }, []));
    Live.show(matrix, Live.table(weights, {
      caption: "weights", rows: ["q0", "q1"], columns: ["k0", "k1", "k2", "k3"], focus,
    }));
    const best = weights[focus].indexOf(Math.max(...weights[focus]));
    says.textContent = `q${focus} gives ${(100 * weights[focus][best]).toFixed(0)} % to k${best}; `
      + `its output is (${two(output[focus])}), where the values are ${v.map((x) => `(${two(x)})`).join(", ")}.`;
  }

  k.forEach((position, j) => point(`k${j}`, position, "live-key", draw));
  q.forEach((position, i) => point(`q${i}`, position, "live-query", draw)
    .addEventListener("focus", () => { focus = i; draw(); }));
  root.append(
    Live.make("p", { class: "live-task" },
      "Drag a query or a key, or choose one with Tab and move it with the arrow keys. Make a key longer: it wins without pointing better."),
    Live.make("div", { class: "live-side" }, svg, Live.make("div", {},
      Live.choice("query in focus", ["q0", "q1"], "q0", (name) => { focus = +name[1]; draw(); }), matrix, says)),
  );
  draw();
  return () => shown;
});

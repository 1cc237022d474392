// Queries and keys in one plane, values and output in the other; all but the output are dragged.
"use strict";

Live.figure("attention", (root) => {
  const q = [[1.5, 0.5], [-0.8, 1.9]];
  const k = [[1.6, 1.2], [1.2, -1], [-2, 0.8], [-1.5, -1.2]];
  const v = [[2.5, 1], [1, -2], [-2, 2], [-2.5, -1.5]];
  let focus = 0, shown;

  const asks = Live.plane(3, "queries and keys");
  const answers = Live.plane(3, "values, and the output of the query in focus");
  const { px } = asks;
  const line = ({ svg }) => svg.appendChild(Live.svg("line", { class: "live-pull" }));
  const matches = k.map(() => line(asks));
  const pulls = v.map(() => line(answers));
  const output = Live.svg("path", { class: "live-output", d: "M0,-9 L9,0 L0,9 L-9,0 Z" });
  const matrix = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });
  const two = (x) => `(${x.map((n) => n.toFixed(2).replace("-", "−")).join(", ")})`;
  const between = (element, [x1, y1], [x2, y2], weight) => Live.fill(element, {
    x1: px(x1), y1: px(-y1), x2: px(x2), y2: px(-y2), style: `stroke-width: ${0.5 + 9 * weight}`,
  }, []);

  function draw() {
    const { weights, output: outputs } = Live.attention(q, k, v);
    const row = weights[focus], answer = outputs[focus];
    shown = { call: "attention", arguments: { q, k, v }, result: { weights, output: outputs } };
    row.forEach((weight, j) => {
      between(matches[j], q[focus], k[j], weight);
      between(pulls[j], answer, v[j], weight);
    });
    output.setAttribute("transform", `translate(${px(answer[0])} ${px(-answer[1])})`);
    Live.show(matrix, Live.table(weights, {
      caption: "weights", rows: ["q0", "q1"], columns: ["k0", "k1", "k2", "k3"], focus,
    }));
    const best = row.indexOf(Math.max(...row));
    says.textContent = `q${focus} gives ${(100 * row[best]).toFixed(0)} % to k${best}; `
      + `its output, the diamond, is ${two(answer)}.`;
  }

  k.forEach((position, j) => asks.point(`k${j}`, position, "live-key", draw));
  q.forEach((position, i) => asks.point(`q${i}`, position, "live-query", draw)
    .addEventListener("focus", () => { focus = i; draw(); }));
  v.forEach((position, j) => answers.point(`v${j}`, position, "live-key", draw));
  answers.svg.append(output); // above the values
  const titled = (title, { svg }) => Live.make("div", {}, Live.make("p", { class: "live-title" }, title), svg);
  root.append(
    Live.make("p", { class: "live-task" },
      "Drag a query, a key or a value, or choose one with Tab and move it with the arrow keys. Make a key longer: it wins without pointing better."),
    Live.choice("query in focus", ["q0", "q1"], "q0", (name) => { focus = +name[1]; draw(); }),
    Live.make("div", { class: "live-side" }, titled("Queries and keys", asks), titled("Values and output", answers)),
    Live.make("div", { class: "live-side" }, matrix, says),
  );
  draw();
  return () => shown;
});

// Masks drawn by the reader, and what they do to the weights of seven tokens.
"use strict";

Live.figure("masks", (root) => {
  const n = 6;
  const x = [[1, 0.5], [-0.5, 1], [1.5, -1], [0, 1.2], [-1, -0.4], [0.8, 0.9]];
  const names = x.map((_, i) => String(i));
  const patterns = {
    "everything": () => true,
    "causal": (i, j) => j <= i,
    "window of 3": (i, j) => j <= i && j > i - 3,
    "padding after 4": (i, j) => j < 4,
    "two documents": (i, j) => i < 3 === j < 3,
    "nothing for 2": (i, j) => i !== 2,
  };
  let mask, shown;

  const choose = (name) => {
    mask = names.map((_, i) => names.map((_, j) => patterns[name](i, j)));
    draw();
  };
  const left = Live.make("div"), right = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });

  function draw() {
    const { weights, output } = Live.attention(x, x, x, mask);
    shown = { call: "attention", arguments: { q: x, k: x, v: x, mask }, result: { weights, output } };
    Live.show(left, Live.table(mask.map((row) => row.map(Number)), {
      caption: "mask: 1 = may attend", rows: names, columns: names, digits: 0, shade: (a) => 0.5 * a,
      click: (i, j) => { mask[i][j] = !mask[i][j]; draw(); },
    }));
    Live.show(right, Live.table(weights, { caption: "weights", rows: names, columns: names }));
    const seen = mask.flat().filter(Boolean).length;
    const empty = names.filter((_, i) => !mask[i].some(Boolean));
    const future = mask.some((row, i) => row.some((see, j) => see && j > i));
    says.textContent = `${seen} of ${n * n} pairs. ${future ? "Some query sees the future." : "No query sees the future."} `
      + (empty.length ? `Query ${empty.join(" and ")} may attend to nothing: its weights and its output are zeros.` : "Each row sums to 1.");
  }

  root.append(
    Live.make("p", { class: "live-task" }, "Choose a pattern, then click single pairs of the mask."),
    Live.choice("pattern", Object.keys(patterns), "causal", choose),
    Live.make("div", { class: "live-side" }, left, right), says,
  );
  choose("causal");
  return () => shown;
});

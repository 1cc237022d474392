// One row of scores, read tile by tile: the largest score so far, the sum, the sum of the values.
// When a larger score arrives, what was summed before it shrinks; the division comes at the end.
"use strict";

Live.figure("tiles", (root) => {
  const scores = [1, 0, 2, 1, 5, 3, 4, 0], values = [6, 2, 4, 8, 3, 7, 1, 5];
  const names = scores.map((_, j) => `key ${j}`);
  const state = { tile: 2, read: 1 };
  let shown;

  const parts = Live.make("div", { class: "live-side" });
  const says = Live.make("p", { "aria-live": "polite" });
  const number = (x) => x.toFixed(3);

  // What is known after each tile, from the start: nothing has been seen.
  function steps() {
    const found = [{ peak: -Infinity, total: 0, output: 0, shrink: 1 }];
    for (let start = 0; start < scores.length; start += state.tile) {
      const { peak, total, output } = found.at(-1);
      const tile = scores.slice(start, start + state.tile);
      const higher = Math.max(peak, ...tile), shrink = Math.exp(peak - higher);
      const weights = tile.map((s) => Math.exp(s - higher));
      found.push({
        peak: higher, shrink, tile: weights,
        total: shrink * total + weights.reduce((a, b) => a + b, 0),
        output: shrink * output + Live.dot(weights, values.slice(start, start + state.tile)),
      });
    }
    return found;
  }

  function draw() {
    const all = steps();
    state.read = Math.min(state.read, all.length - 1);
    reader.input.max = all.length - 1;
    const now = all[state.read], end = Math.min(scores.length, state.read * state.tile);
    const level = scores.map((s, j) => (j < end ? Math.exp(s - now.peak) : 0));
    const answer = now.output / now.total;
    const read = names.map((name, j) => (j < end ? name : "unread"));
    shown = {
      call: "one_pass",
      arguments: { scores, values, tile: state.tile, read: state.read },
      result: { peak: now.peak, total: now.total, output: now.output, answer, level },
    };
    Live.show(parts,
      Live.bars(scores.map((s, j) => (j < end ? s : 0)), { caption: "scores that were read", names: read, limit: 5, digits: 0 }),
      Live.bars(level, { caption: "e to (score − largest so far)", names: read, digits: 3 }));
    const start = (state.read - 1) * state.tile;
    says.textContent = `Keys ${start} to ${end - 1} came last. Largest score ${now.peak}; what stood before was multiplied by ${number(now.shrink)}. `
      + `Sum ${number(now.total)}, sum of the values ${number(now.output)}: `
      + (end === scores.length ? `the answer is ${number(answer)}.` : `for these ${end} keys that is ${number(answer)}.`);
  }

  const reader = { label: Live.slider("tiles read", { min: 1, max: 4, step: 1, value: 1 },
    (value) => { state.read = value; draw(); }, (x) => String(x)) };
  reader.input = reader.label.querySelector("input");
  root.append(
    Live.make("p", { class: "live-task" },
      "Read one tile after the other. When key 4 arrives, with the largest score, see all bars before it shrink together. The answer at the end does not depend on the size of the tiles."),
    reader.label,
    Live.choice("keys in a tile", ["1", "2", "3", "8"], "2", (size) => {
      state.tile = +size;
      state.read = 1;
      reader.input.value = 1;
      reader.label.querySelector("output").textContent = "1";
      reader.input.setAttribute("aria-valuetext", "1");
      draw();
    }),
    parts, says,
  );
  draw();
  return () => shown;
});

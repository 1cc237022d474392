// Two heads of an induction model with exact weights, on letters that the reader types.
"use strict";

Live.figure("induction", (root) => {
  const most = 8, state = { text: "ABCABDAB", sharpness: 8 };
  let shown;

  const oneHot = (size, at) => Array.from({ length: size }, (_, n) => Number(n === at));
  const causal = (row, i) => row.map((score, j) => (j <= i ? score : null));

  // The start mark is 0, and each letter has the number of its first place in the alphabet.
  function run(tokens, V, sharpness) {
    const vectors = tokens.map((t) => oneHot(V, t));
    const first = tokens.map((_, i) =>
      Live.softmax(causal(tokens.map((_, j) => sharpness * (j === Math.max(i - 1, 0))), i)));
    const notes = Live.average(first, vectors);
    const second = tokens.map((t, i) =>
      Live.softmax(causal(tokens.map((s, j) => sharpness * (notes[j][t] + 0.5 * (s === 0))), i)));
    const values = vectors.map((row, j) => row.map((x) => (tokens[j] === 0 ? 0 : x)));
    return { first, second, next: Live.average(second, values).at(-1) };
  }

  const left = Live.make("div"), right = Live.make("div"), bars = Live.make("div");
  const says = Live.make("p", { "aria-live": "polite" });

  function draw() {
    const letters = ["^", ...state.text];
    const alphabet = [...new Set(letters)];
    const tokens = letters.map((letter) => alphabet.indexOf(letter));
    const result = run(tokens, alphabet.length, state.sharpness);
    shown = { call: "induction", arguments: { tokens, V: alphabet.length, sharpness: state.sharpness }, result };
    const named = { rows: letters, columns: letters, digits: 1, focus: letters.length - 1 };
    Live.show(left, Live.table(result.first, { caption: "layer 1: one back", ...named }));
    Live.show(right, Live.table(result.second, { caption: "layer 2: what followed", ...named }));
    const known = alphabet.slice(1);
    Live.show(bars, Live.bars(result.next.slice(1), { caption: "the next letter", names: known }));
    const found = Math.max(...result.next), best = alphabet[result.next.indexOf(found)];
    says.textContent = found < 0.05
      ? `The last ${letters.at(-1)} is new: the head reads the start mark, and nothing is written.`
      : `After ${letters.at(-1)} the model says ${best}, with ${(100 * found).toFixed(0)}%.`;
  }

  const field = Live.make("input", {
    type: "text", value: state.text, maxlength: most, size: most, autocomplete: "off", spellcheck: "false",
    oninput: () => {
      const typed = [...field.value.toUpperCase()].filter((letter) => /\p{L}/u.test(letter));
      state.text = typed.slice(0, most).join("");
      draw();
    },
  });
  root.append(
    Live.make("p", { class: "live-task" },
      "Type up to eight letters, some of them twice. The last row of layer 2 shows where the last letter reads. Then make the scores less sharp, and see the notes of layer 1 blur, and with them what layer 2 finds."),
    Live.make("label", { class: "live-slider" }, "text ", field),
    Live.slider("sharpness", { min: 0, max: 20, step: 0.5, value: state.sharpness },
      (value) => { state.sharpness = value; draw(); }, (x) => x.toFixed(1)),
    Live.make("div", { class: "live-side" }, left, right), bars, says,
  );
  draw();
  return () => shown;
});

// An image whose patches attend to the patch that the reader picks: softly, or one at a time.
"use strict";

Live.figure("patches", (root) => {
  // The first of scikit-learn's digits, 8 by 8 pixels, cut into 16 patches of 2 by 2.
  const image = [
    [0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0], [0, 3, 15, 2, 0, 11, 8, 0],
    [0, 4, 12, 0, 0, 8, 8, 0], [0, 5, 8, 0, 0, 9, 8, 0], [0, 4, 11, 0, 1, 12, 7, 0],
    [0, 2, 14, 5, 10, 12, 0, 0], [0, 0, 6, 13, 10, 0, 0, 0],
  ].map((row) => row.map((ink) => ink / 16));
  const patches = [];
  for (let r = 0; r < 8; r += 2)
    for (let c = 0; c < 8; c += 2)
      patches.push([image[r][c], image[r][c + 1], image[r + 1][c], image[r + 1][c + 1]]);
  const centre = patches[0].map((_, f) => patches.reduce((sum, p) => sum + p[f], 0) / patches.length);
  const state = { asks: 5, beta: 6, kind: "soft" };
  let shown;

  const picture = Live.svg("svg", { viewBox: "0 0 160 160", class: "live-image", role: "group", "aria-label": "sixteen patches" });
  const says = Live.make("p", { "aria-live": "polite" });
  const cells = patches.map((patch, n) => {
    const [x, y] = [40 * (n % 4), 40 * Math.floor(n / 4)];
    const pick = () => { state.asks = n; draw(); };
    const cell = Live.svg("g", { transform: `translate(${x} ${y})`, tabindex: 0, role: "button", onclick: pick,
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); } } });
    cell.append(Live.svg("rect", { width: 40, height: 40, class: "live-ground" })); // below the ink
    patch.forEach((ink, f) => cell.append(Live.svg("rect",
      { x: 20 * (f % 2), y: 20 * Math.floor(f / 2), width: 20, height: 20, class: "live-ink", style: `--ink: ${ink}` })));
    cell.append(Live.svg("rect", { width: 40, height: 40, class: "live-frame" }),
      Live.svg("text", { x: 3, y: 11 }));
    picture.append(cell);
    return cell;
  });

  function draw() {
    const k = patches.map((p) => p.map((x, f) => x - centre[f]));
    const q = [k[state.asks].map((x) => state.beta * x)];
    const { weights: [row] } = Live.attention(q, k, patches);
    const best = row.indexOf(Math.max(...row));
    const used = state.kind === "soft" ? row : row.map((_, n) => +(n === best));
    const output = Live.average([used], patches);
    shown = { call: state.kind === "soft" ? "attention" : "hard", arguments: { q, k, v: patches },
      result: { weights: [used], output } };
    cells.forEach((cell, n) => {
      const percent = Math.round(100 * used[n]);
      cell.style.setProperty("--weight", used[n]);
      cell.setAttribute("class", n === state.asks ? "live-asks" : "");
      cell.setAttribute("aria-label", `patch ${n}, weight ${percent} per cent${n === state.asks ? ", it asks" : ""}`);
      cell.lastChild.textContent = percent || "";
    });
    const seen = used.filter((w) => w > 0.005).length;
    says.textContent = `Patch ${state.asks} asks. ${state.kind === "soft" ? `All 16 patches are read; ${seen} get more than half a per cent.` : `One patch is read, number ${best}, and fifteen are not.`}`
      + ` Its answer: ${output[0].map((x) => x.toFixed(2)).join(", ")}.`;
  }

  root.append(
    Live.make("p", { class: "live-task" }, "Pick a patch. The numbers are its weights on all patches, in per cent."),
    Live.choice("attention", ["soft", "hard"], "soft", (kind) => { state.kind = kind; draw(); }),
    Live.slider("sharpness β", { min: 0, max: 20, step: 0.5, value: state.beta }, (beta) => { state.beta = beta; draw(); }, (x) => x.toFixed(1)),
    Live.make("div", { class: "live-side" }, picture, says),
  );
  draw();
  return () => shown;
});

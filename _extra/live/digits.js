// The reader draws the upper half of a digit; attention recalls the lower half from stored ones.
"use strict";

loadScript("_static/digits.js").then(async () => {
  const INK = 16, WIDTH = 8, HALF = 32; // the most ink of a pixel; pixels in a row and in a half
  const BLACK = [31, 35, 40], BLUE = [11, 92, 173]; // what was asked, and what is recalled
  const { classes, stored, examples } = window.bookDigits;
  const upTo = (n) => [...Array(n).keys()], pixels = upTo(2 * HALF), tenDigits = upTo(10);
  const column = (n) => n % WIDTH, row = (n) => Math.floor(n / WIDTH);
  const where = (n) => `row ${row(n) + 1}, column ${column(n) + 1}`;
  const upper = (digit) => digit.slice(0, HALF);
  const unit = (x) => { const length = Math.sqrt(Live.dot(x, x)) || 1; return x.map((a) => a / length); };
  const sum = (x) => x.reduce((a, b) => a + b, 0);
  const within = (x, low, high) => Math.max(low, Math.min(high, x));
  const percent = (x) => `${(100 * x).toFixed(x < 0.01 && x > 0.0005 ? 1 : 0)} %`;
  const unpack = (text, count = text.length / pixels.length) =>
    upTo(count).map((n) => pixels.map((p) => text.charCodeAt(p * count + n) - 97));

  // In pieces, so that the page answers meanwhile.
  const pause = () => new Promise((go) => whenIdle(go));
  const memory = unpack(stored), prepared = unpack(examples.stored);
  await pause();
  const keys = memory.map((digit) => unit(upper(digit)));
  const values = memory.map((digit) => digit.slice(HALF).map((level) => level / INK));
  await pause();
  Live.figure("digits", build);

  function picture(levels, name) {
    return Live.image(levels.map((level) => level / INK), column, row, (n) => (n < HALF ? BLACK : BLUE), { role: "img", "aria-label": name });
  }

  // A square for each stored digit, as blue as its weight, in a block of ten columns for each class.
  function field(weights, largest) {
    const first = tenDigits.map((digit) => classes.indexOf(digit)), place = weights.map((_, n) => n - first[classes[n]]);
    return Live.image(weights.map((weight) => 0.08 + 0.92 * Math.sqrt(weight / largest)),
      (n) => 11 * classes[n] + place[n] % 10, (n) => Math.floor(place[n] / 10), () => BLUE, { "aria-hidden": true });
  }

  function build(root) {
    const pictures = [], state = { half: upper(prepared[0]), power: 6 };
    let shown, pen = null, at = 0; // where the pen is, and on which square the keyboard

    function show(told = "") {
      const beta = 2 ** state.power, query = unit(state.half).map((x) => x * beta * Math.sqrt(HALF));
      const { weights: [weights], output: [output] } = Live.attention([query], keys, values);
      shown = { call: "digits", arguments: { half: state.half, beta }, result: { weights, output } };
      squares.forEach((square, n) => {
        square.style.setProperty("--ink", state.half[n] / INK);
        square.setAttribute("aria-label", `${where(n)}: ink ${state.half[n]} of ${INK}`);
      });
      recalled.forEach((square, n) => square.style.setProperty("--ink", output[n]));
      const ten = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 10), largest = weights[ten[0]];
      heard.replaceChildren(...ten.map((n) => Live.make("li", { style: `--share: ${weights[n] / largest}` },
        pictures[n] ??= picture(memory[n], `a ${classes[n]}`), Live.make("span", {}, percent(weights[n])))));
      const shares = tenDigits.map((digit) => sum(weights.filter((_, n) => +classes[n] === digit)));
      names.replaceChildren(...shares.map((share, digit) => Live.make("li", {}, Live.make("strong", {}, `${digit}`), `${Math.round(100 * share)}%`)));
      all.replaceChildren(field(weights, largest));
      const favourite = shares.indexOf(Math.max(...shares));
      says.textContent = told + (state.half.some(Boolean)
        ? `These ten have ${percent(sum(ten.map((n) => weights[n])))} of the weight, all ${favourite}s together ${percent(shares[favourite])}.`
        : "Nothing is asked: all weigh the same, and the answer is the mean of all.");
      copy.textContent = "Copy link";
    }

    // Drawing: with a soft pen, as the stored digits were written, or square by square -----------
    function draw(event) {
      if (event.type === "pointerdown" && !event.button) pad.setPointerCapture(event.pointerId);
      if (!pad.hasPointerCapture(event.pointerId)) return;
      const box = pad.getBoundingClientRect();
      const x = WIDTH * (event.clientX - box.left) / box.width, y = HALF / WIDTH * (event.clientY - box.top) / box.height;
      const [fromX, fromY] = pen ?? [x, y], dx = x - fromX, dy = y - fromY;
      state.half = state.half.map((level, n) => {
        const px = column(n) + 0.5 - fromX, py = row(n) + 0.5 - fromY;
        const nearest = within((px * dx + py * dy) / (dx * dx + dy * dy || 1), 0, 1); // point of the stroke
        const away = Math.hypot(px - nearest * dx, py - nearest * dy);
        return Math.max(level, Math.round(INK * within(1.3 - away, 0, 1)));
      });
      pen = [x, y];
      show();
    }
    const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0], Enter: [0, 0] };
    function press(event) {
      const [dx, dy] = STEPS[event.key] ?? [];
      if (dx === undefined) return;
      event.preventDefault();
      squares[at].tabIndex = -1;
      at = WIDTH * within(row(at) + dy, 0, HALF / WIDTH - 1) + within(column(at) + dx, 0, WIDTH - 1);
      squares[at].tabIndex = 0;
      squares[at].focus();
      if (!dx && !dy) choose(state.half.with(at, state.half[at] ? 0 : INK), `${where(at)} is ${state.half[at] ? "empty" : "inked"}. `);
    }

    function choose(half, told) {
      state.half = half;
      show(told);
      keep();
    }

    // The address holds the drawing and β. One that holds something else is left alone -----------
    function keep() {
      const ink = state.half.map((level) => level.toString(INK + 1)).join("");
      history.replaceState(null, "", `#half=${ink}&beta=${+(2 ** state.power).toPrecision(4)}`);
    }

    function restore() {
      const [, half, beta] = /^#half=([0-9a-g]{32})&beta=([\d.]+)$/.exec(location.hash) ?? [];
      if (!(beta >= 2 ** slider.min && beta <= 2 ** slider.max)) return;
      state.half = [...half].map((level) => parseInt(level, INK + 1));
      slider.value = Math.log2(beta);
      slider.dispatchEvent(new Event("input"));
    }

    async function share() {
      keep();
      const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
      copy.textContent = copied ? "Copied" : "See the address";
    }

    // The parts ----------------------------------------------------------------------------------
    const box = (name, attributes, ...content) => Live.make("div", { class: name, ...attributes }, ...content);
    const list = (name, label) => Live.make("ol", { class: name, "aria-label": label });
    const button = (act, ...content) => Live.make("button", { type: "button", onclick: act }, ...content);
    const squares = upTo(HALF).map((n) => box("digits-square", { role: "gridcell", tabindex: n ? -1 : 0 }));
    const recalled = upTo(HALF).map(() => box("digits-square"));
    const pad = box("digits-pad", {
      role: "grid", "aria-label": "The upper half of a digit. Arrow keys move, space or enter inks.",
      onpointerdown: draw, onpointermove: draw, onlostpointercapture: () => { pen = null; keep(); }, onkeydown: press,
    }, ...upTo(HALF / WIDTH).map((y) => box("", { role: "row" }, ...squares.slice(y * WIDTH, (y + 1) * WIDTH))));
    const answer = box("digits-answer", { role: "img", "aria-label": "The lower half that attention recalls" }, ...recalled);
    const heard = list("digits-heard", "the ten digits with the largest weights"), names = list("digits-names", "weight of each class of digits");
    const all = box("digits-all"), says = Live.make("p", { class: "digits-says", "aria-live": "polite" }), copy = button(share);
    const sharpness = Live.slider("sharpness β", { min: 0, max: 14, step: 0.25, value: state.power },
      (power) => { state.power = power; show(); }, (power) => (2 ** power).toFixed(power < 3 ? 1 : 0));
    const slider = Live.fill(sharpness.querySelector("input"), { onchange: keep }, []);
    const example = (digit, n) => button(() => choose(upper(digit)), picture(upper(digit), `upper half of a ${examples.classes[n]}`));
    root.append(
      Live.make("p", { class: "digits-task" }, Live.make("strong", {}, "Draw the upper half of a digit."),
        ` Attention recalls the lower half, from ${memory.length.toLocaleString("en").replace(",", "\u202f")} others.`),
      box("digits-digit", {}, pad, answer, box("digits-buttons", {}, ...prepared.map(example), button(() => choose(Array(HALF).fill(0)), "Clear"))),
      box("digits-beside", {}, sharpness, box("digits-ends", {}, Live.make("span", {}, "all count alike"), Live.make("span", {}, "only the most similar")),
        box("digits-caption", {}, "It listens most to"), heard, box("digits-caption", {}, "All of them, as blue as their weight"), all, names, says, copy),
    );
    addEventListener("hashchange", restore);
    show();
    restore();
    return () => shown;
  }
});

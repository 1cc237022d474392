// What the live figures share: attention itself, and the few things that they are drawn with.
//
// A figure is a function registered under the tag of the notebook cell that it stands below:
//     Live.figure("softmax", (root) => { ... return () => ({call, arguments, result}); });
// What it returns says what is shown at the moment, as a call of the package's own function, so
// that a test can make the same call in Python. `root.shown()` reads it.
"use strict";

const Live = {
  figures: {},

  figure(name, build) {
    this.figures[name] = build;
    for (const cell of document.querySelectorAll(`.cell.tag_live-${name}`)) {
      const root = this.make("section", { class: `live live-${name}` });
      root.setAttribute("aria-label", `Live figure: ${name}`);
      cell.append(root);
      root.shown = build(root);
    }
  },

  // Mathematics -------------------------------------------------------------------------------

  dot: (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0),

  // The softmax of one row of scores; null is a score that may not be seen. An empty row is zeros.
  softmax(scores) {
    const seen = scores.filter((s) => s !== null);
    const peak = Math.max(...seen);
    const parts = scores.map((s) => (s === null ? 0 : Math.exp(s - peak)));
    const total = parts.reduce((a, b) => a + b, 0);
    return parts.map((part) => (total ? part / total : 0));
  },

  // Scaled dot-product attention; mask[i][j] true = query i may attend to key j.
  attention(q, k, v, mask = null) {
    const scale = Math.sqrt(q[0].length);
    const scores = q.map((a, i) =>
      k.map((b, j) => (mask && !mask[i][j] ? null : this.dot(a, b) / scale)),
    );
    const weights = scores.map((row) => this.softmax(row));
    return { scores, weights, output: this.average(weights, v) };
  },

  average: (weights, v) =>
    weights.map((row) => v[0].map((_, f) => row.reduce((sum, w, j) => sum + w * v[j][f], 0))),

  // Elements ----------------------------------------------------------------------------------

  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    return this.fill(element, attributes, children);
  },

  svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    return this.fill(element, attributes, children);
  },

  fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  },

  // A labelled slider that tells its value as `format` writes it.
  slider(label, { min, max, step, value }, change, format = (x) => x.toFixed(2)) {
    const output = this.make("output", {}, format(value));
    const input = this.make("input", {
      type: "range", min, max, step, value, "aria-valuetext": format(value),
      oninput: () => {
        output.textContent = format(+input.value);
        input.setAttribute("aria-valuetext", format(+input.value));
        change(+input.value);
      },
    });
    return this.make("label", { class: "live-slider" }, `${label} `, input, output);
  },

  // Buttons of which one is pressed.
  choice(label, names, chosen, change) {
    const buttons = names.map((name) =>
      this.make("button", {
        type: "button",
        "aria-pressed": name === chosen,
        onclick: () => {
          for (const b of buttons) b.setAttribute("aria-pressed", b.textContent === name);
          change(name);
        },
      }, name),
    );
    return this.make("div", { class: "live-choice", role: "group", "aria-label": label }, ...buttons);
  },

  // A matrix as a table whose cells carry their number, and their weight as a shade.
  table(values, { caption, rows, columns, click = null, focus = null, digits = 2, shade = (x) => x }) {
    const head = this.make("tr", {}, this.make("td"),
      ...columns.map((name) => this.make("th", { scope: "col" }, name)));
    const body = values.map((row, i) =>
      this.make("tr", focus === i ? { class: "live-focus" } : {},
        this.make("th", { scope: "row" }, rows[i]),
        ...row.map((x, j) => {
          const text = x === null ? "–" : x.toFixed(digits);
          const cell = this.make("td", { style: `--weight: ${x === null ? 0 : shade(x)}` });
          cell.append(click
            ? this.make("button", { type: "button", "data-at": `${i},${j}`, onclick: () => click(i, j),
                "aria-label": `${rows[i]}, ${columns[j]}: ${text}` }, text)
            : text);
          return cell;
        })),
    );
    return this.make("table", { class: "live-matrix" },
      this.make("caption", {}, caption), this.make("thead", {}, head), this.make("tbody", {}, ...body));
  },

  // An image on a canvas: for each n its ink, from 0 to 1, its place and its colour.
  image(ink, x, y, colour, attributes = {}) {
    const size = [x, y].map((place) => Math.max(...ink.map((_, n) => place(n))) + 1);
    const painted = new ImageData(...size);
    ink.forEach((share, n) => painted.data.set([...colour(n), 255 * share], 4 * (x(n) + size[0] * y(n))));
    const canvas = this.make("canvas", { width: size[0], height: size[1], ...attributes });
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(painted, 0, 0);
    return canvas;
  },

  // Numbers as bars, each named and written; bars of negative numbers lead to the left. The longest
  // that there is room for is `limit`.
  bars(values, { caption, names, limit = 1, digits = 2 }) {
    const signed = values.some((x) => x < 0);
    const room = signed ? 50 : 100, zero = signed ? 50 : 0;
    const rows = values.map((x, n) => {
      const length = Math.min(room, (Math.abs(x) / limit) * room);
      const bar = this.make("span", { style: `width: ${length}%; left: ${x < 0 ? zero - length : zero}%` });
      return this.make("tr", {}, this.make("th", { scope: "row" }, names[n]),
        this.make("td", { class: "live-track" }, bar),
        this.make("td", {}, x.toFixed(digits).replace("-", "−")));
    });
    return this.make("table", { class: "live-bars" },
      this.make("caption", {}, caption), this.make("tbody", {}, ...rows));
  },

  // Put new content into a place, and keep the keyboard's focus where it was.
  show(place, ...content) {
    const at = place.contains(document.activeElement) && document.activeElement.dataset.at;
    place.replaceChildren(...content);
    if (at) place.querySelector(`[data-at="${at}"]`)?.focus();
  },

  // A plane with axes from -limit to limit, in which points can be dragged or moved with arrows.
  plane(limit, label) {
    const size = 300, px = (x) => ((x + limit) / (2 * limit)) * size;
    const svg = this.svg("svg", { viewBox: `0 0 ${size} ${size}`, class: "live-plane", role: "group", "aria-label": label });
    svg.append(
      this.svg("line", { x1: 0, x2: size, y1: px(0), y2: px(0), class: "live-axis" }),
      this.svg("line", { y1: 0, y2: size, x1: px(0), x2: px(0), class: "live-axis" }),
    );
    const place = ([x, y]) => `translate(${px(x)} ${px(-y)})`;
    const point = (name, position, className, moved) => {
      const text = this.svg("text", { y: 4, "text-anchor": "middle" }, name);
      const handle = this.svg("g", { class: `live-point ${className}`, tabindex: 0, role: "img" },
        this.svg("circle", { r: 13 }), text);
      const stand = () => {
        handle.setAttribute("transform", place(position));
        handle.setAttribute("aria-label", `${name} at ${position.map((x) => x.toFixed(2)).join(", ")}; arrow keys move it`);
      };
      const to = (next) => {
        const bounded = next.map((x) => Math.round(Math.max(-limit, Math.min(limit, x)) * 20) / 20);
        position.splice(0, 2, ...bounded);
        stand();
        moved();
      };
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      handle.addEventListener("keydown", (event) => {
        const step = steps[event.key];
        if (!step) return;
        event.preventDefault();
        to(position.map((x, n) => x + 0.2 * step[n]));
      });
      // A finger on a point drags it; beside it, a swipe scrolls the page.
      handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
      handle.addEventListener("pointerdown", (event) => {
        handle.setPointerCapture(event.pointerId);
        handle.focus();
      });
      handle.addEventListener("pointermove", (event) => {
        if (!handle.hasPointerCapture(event.pointerId)) return;
        const box = svg.getBoundingClientRect();
        to([(event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.height]
          .map((share) => (2 * share - 1) * limit));
      });
      stand();
      svg.append(handle);
      return handle;
    };
    return { svg, point, px };
  },
};

// Marks what was passed: at each exercise, and a count at each chapter in the contents.
"use strict";

const Marks = {
  show() {
    const solved = Progress.solved();
    for (const chapter of bookContents) {
      const tasks = [...chapter.exercises, ...chapter.pauses];
      const done = tasks.filter(({ id }) => solved[id]).length;
      for (const link of document.querySelectorAll(`.bd-links a[href$="${chapter.name}.html"], .bd-links .current > a[href="#"]`)) {
        if (link.pathname.endsWith(`${chapter.name}.html`)) this.count(link, done, tasks.length);
      }
      if (location.pathname.endsWith(`/${chapter.name}.html`)) tasks.forEach(({ id }) => this.mark(id, solved[id]));
    }
  },

  count(link, done, all) {
    link.querySelector(".study-count")?.remove();
    if (!done) return;
    const words = `${done} of ${all} passed`;
    link.insertAdjacentHTML("beforeend", `<span class="study-count" title="${words}"><span aria-hidden="true">${done}/${all}</span><span class="visually-hidden"> (${words})</span></span>`);
  },

  mark(id, entry) {
    const place = document.getElementById(`exercise-${id.split(".")[1]}`);
    const title = place?.closest("section.exercise")?.querySelector("h2, h3, h4") ?? place?.closest(".question")?.querySelector(".pause-title");
    title?.querySelector(".study-mark")?.remove();
    if (!title || !entry) return;
    const hints = entry.hints ? `, with ${entry.hints} hint${entry.hints > 1 ? "s" : ""}` : "";
    title.insertAdjacentHTML("beforeend", `<span class="study-mark" role="img" aria-label="passed on ${entry.day}${hints}" title="passed on ${entry.day}${hints}">✓</span>`);
  },
};

addEventListener("progress", () => Marks.show());
Marks.show();

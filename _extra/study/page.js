// The page "Your progress": what is passed in each chapter, what to do again, export, load, reset.
"use strict";

const AGAIN = 3; // days after which an exercise that took hints is offered again

const ProgressPage = {
  start(root) {
    this.root = root;
    this.said = root.querySelector(".progress-said");
    root.querySelector(".progress-tools").hidden = false;
    root.querySelector("[name=export]").addEventListener("click", () => this.export());
    root.querySelector("[name=load]").addEventListener("change", ({ target }) => this.import(target));
    root.querySelector("[name=reset]").addEventListener("click", ({ target }) => this.reset(target));
    addEventListener("progress", () => this.show());
    this.show();
  },

  show() {
    const solved = Progress.solved();
    for (const chapter of bookContents) {
      const row = this.root.querySelector(`[data-chapter="${chapter.name}"]`);
      const count = (tasks) => `${tasks.filter(({ id }) => solved[id]).length} of ${tasks.length}`;
      const left = chapter.exercises.filter(({ id }) => !solved[id]).reduce((sum, { minutes }) => sum + minutes, 0);
      row.querySelector(".progress-exercises").textContent = count(chapter.exercises);
      row.querySelector(".progress-pauses").textContent = count(chapter.pauses);
      row.querySelector(".progress-minutes").textContent = left ? `${left} min` : "done";
    }
    this.showAgain(solved);
    if (!Progress.keeps) this.say("This browser keeps nothing for this page: export before you close it.");
  },

  // What was passed with hints, some days ago.
  showAgain(solved) {
    const days = ({ day }) => Math.round((new Date(Progress.today()) - new Date(day)) / 86400000);
    const due = bookContents.flatMap((chapter) =>
      chapter.exercises.filter(({ id }) => solved[id]?.hints && days(solved[id]) >= AGAIN).map((task) => ({ ...task, chapter })),
    );
    const list = this.root.querySelector(".progress-again");
    list.replaceChildren(
      ...due.map(({ id, title, chapter }) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `${document.documentElement.dataset.content_root}${chapter.page}.html#exercise-${id.split(".")[1]}`;
        link.textContent = title;
        item.append(link, ` (${chapter.title}, passed on ${solved[id].day})`);
        return item;
      }),
    );
    this.root.querySelector(".progress-nothing").hidden = due.length > 0;
  },

  export() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${JSON.stringify(Progress.solved(), null, 1)}\n`], { type: "application/json" }));
    link.download = "attention-book-progress.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this.say("The file attention-book-progress.json has been saved.");
  },

  async import(field) {
    const [file] = field.files;
    field.value = "";
    if (!file) return;
    try {
      const entries = Progress.read(await file.text());
      Progress.load(entries);
      this.say(`Added what ${file.name} says: ${Object.keys(entries).length} passed.`);
    } catch (error) {
      this.say(`Nothing was changed. ${file.name} is no file of progress: ${error.message}.`);
    }
  },

  // The first press asks, the second does it.
  reset(button) {
    if (button.dataset.sure) Progress.write({});
    this.say(button.dataset.sure ? "All is forgotten." : "This forgets everything on this device. Press again to do it.");
    if (button.dataset.sure) delete button.dataset.sure;
    else button.dataset.sure = "yes";
  },

  say(words) {
    this.said.textContent = words;
  },
};

ProgressPage.start(document.querySelector(".progress-page"));

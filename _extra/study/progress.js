// What was passed, kept on this device only, in the form of the package's own file:
//     {"scaled_dot_product.similarity": {"day": "2026-01-31", "hints": 0}}
"use strict";

const Progress = {
  place: "attention-book",
  here: {}, // while the page is open, where nothing can be kept
  keeps: true,

  today() {
    const now = new Date();
    return new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
  },

  // What is solved. What cannot be read is left where it is, and put aside before it is replaced.
  solved() {
    try {
      const kept = this.read(localStorage.getItem(this.place) ?? "{}");
      return this.keeps ? kept : { ...kept, ...this.here };
    } catch {
      return this.here;
    }
  },

  // The entries of a file's text; an Error says why it is none.
  read(text) {
    let kept;
    try {
      kept = JSON.parse(text);
    } catch (error) {
      throw new Error(`this is not JSON (${error.message})`);
    }
    if (typeof kept !== "object" || kept === null || Array.isArray(kept)) {
      throw new Error("it needs an object, {exercise: day}, and is something else");
    }
    return Object.fromEntries(Object.entries(kept).map(([name, what]) => [name, this.entry(name, what)]));
  },

  entry(name, what) {
    const { day, hints = 0 } = typeof what === "string" ? { day: what } : (what ?? {});
    const written = /^\d{4}-\d\d-\d\d$/.test(day) && new Date(`${day}T00:00:00Z`);
    if (!written || Number.isNaN(+written) || written.toISOString().slice(0, 10) !== day) {
      throw new Error(`${name} needs a day such as 2026-01-31, and has ${JSON.stringify(day)}`);
    }
    if (!Number.isInteger(hints) || hints < 0) {
      throw new Error(`${name} needs a number of hints, and has ${JSON.stringify(hints)}`);
    }
    return { day, hints };
  },

  better(one, other) {
    if (one.hints !== other.hints) return one.hints < other.hints ? one : other;
    return one.day <= other.day ? one : other;
  },

  record(name, hints) {
    this.load({ [name]: { day: this.today(), hints } });
  },

  // Add entries; of two for one exercise the better one stays. Another tab may have added some.
  load(entries) {
    const all = { ...this.solved() };
    for (const [name, entry] of Object.entries(entries)) {
      all[name] = all[name] ? this.better(entry, all[name]) : entry;
    }
    this.write(all);
  },

  write(all) {
    this.here = all;
    try {
      const before = localStorage.getItem(this.place);
      if (before !== null && !this.readable(before)) localStorage.setItem(`${this.place}-unreadable`, before);
      localStorage.setItem(this.place, JSON.stringify(all));
      this.keeps = true;
    } catch {
      this.keeps = false;
    }
    dispatchEvent(new Event("progress"));
  },

  readable(text) {
    try {
      return Boolean(this.read(text));
    } catch {
      return false;
    }
  },
};

addEventListener("storage", ({ key }) => {
  if (key === Progress.place || key === null) dispatchEvent(new Event("progress"));
});

// Questions that are answered on the page: a field or choices, a verdict, hints, the solution.
//
// The build packs what a page asks into #book-questions; verdict.js judges as Python does.
"use strict";

const Study = {
  async start() {
    const data = await this.unpack(document.getElementById("book-questions").textContent.trim());
    this.questions = data.questions;
    for (const question of data.questions) {
      const box = document.querySelector(`[data-question="${question.id}"]`);
      if (box) new Asked(box, question, new Judge(question, data.functions));
    }
  },

  // The solution of the question in a section, for the end of the printed page.
  solutionOf(section) {
    const id = section.querySelector("[data-question]")?.dataset.question;
    const html = Study.questions?.find((question) => question.id === id)?.solution;
    if (!html) return null;
    const solution = Study.make("div", { class: "highlight" });
    solution.innerHTML = html;
    return solution;
  },

  async unpack(text) {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return JSON.parse(await new Response(stream).text());
  },

  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  },

  // Text in which what stands between backticks is code.
  marked(text) {
    return text.split("`").map((part, i) => (i % 2 ? this.make("code", {}, part) : part));
  },
};

class Asked {
  constructor(box, question, judge) {
    Object.assign(this, { box, question, judge, hintsGiven: 0 });
    this.verdict = Study.make("div", { class: "question-verdict", role: "status" });
    this.form = Study.make("form", { class: "question-form" }, this.field(), this.button());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.check();
    });
    const options = question.letters > 1 ? box.querySelector("ol") : null; // their letters are the answer
    box.replaceChildren(...(options ? [options] : []), this.form, this.verdict);
    this.help = [...(box.closest("section.exercise")?.querySelectorAll("details.exercise-help") ?? [])];
    for (const hint of this.help) hint.addEventListener("toggle", () => this.countHints());
  }

  // Radio buttons for one letter, else a field.
  field() {
    const { choices, id } = this.question;
    if (!choices || this.question.letters > 1) return this.text();
    const choice = ([letter, text]) => Study.make("label", {}, Study.make("input", { type: "radio", name: id, value: letter }), Study.make("span", {}, ...Study.marked(text)));
    return Study.make("fieldset", {}, Study.make("legend", { class: "visually-hidden" }, "Choose one"), ...Object.entries(choices).map(choice));
  }

  text() {
    const { form } = this.question;
    const attributes = { "aria-label": "Your answer", autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: this.example() };
    const input = form === "rows" ? Study.make("textarea", { ...attributes, rows: 3 }) : Study.make("input", { ...attributes, type: "text" });
    if (form === "rows") input.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.check());
    return input;
  }

  example() {
    const { form, right, choices } = this.question;
    if (choices) return "the letters in order";
    if (form === "rows") return "one row a line, such as 0.5, 2";
    if (form === "one") return typeof right === "number" ? "a number, such as 3 or 1/4 or sqrt(2)" : "a word";
    return right.every((part) => typeof part === "number") ? "numbers, such as 3, 1/4, sqrt(2)" : "parts with commas between";
  }

  button() {
    return Study.make("button", { type: "submit" }, "Check");
  }

  get given() {
    const chosen = this.form.querySelector("input:checked");
    return chosen?.value ?? this.form.querySelector("input:not([type=radio]), textarea")?.value ?? "";
  }

  check() {
    const { choices, letters } = this.question;
    const chooses = choices && letters === 1;
    if (chooses && !this.given) return this.say("unread", "Choose one of the answers first.");
    let answer;
    try {
      answer = chooses ? this.given : read(this.given, this.question.form);
    } catch (error) {
      if (!(error instanceof Unread)) throw error;
      return this.say("unread", `Not understood: ${error.message}`);
    }
    const { status, mistake, lines } = this.judge.check(answer);
    if (status === "passed") this.pass();
    const headline = status === "passed" ? "Right" : (mistake ?? "Not right yet");
    const lost = status === "passed" && !Progress.keeps ? ["This browser keeps nothing: the mark lasts until you leave the page."] : [];
    const understood = chooses || status === "passed" ? [] : [Study.make("p", { class: "question-read" }, `Read as ${shown(answer)}`)];
    return this.say(status, headline, [...lines, ...lost], understood);
  }

  pass() {
    Progress.record(this.question.id, this.hintsGiven);
  }

  say(status, headline, lines = [], more = []) {
    const mark = { passed: "✓", wrong: "✗", unread: "?" }[status];
    this.verdict.className = `question-verdict verdict question-${status}`;
    this.verdict.replaceChildren(
      Study.make("p", {}, Study.make("strong", {}, `${mark} `, ...Study.marked(headline))),
      ...lines.map((line) => Study.make("p", {}, ...Study.marked(line))),
      ...more,
      ...this.offers(status),
    );
  }

  // After a wrong answer the next hint, after the last one or a right answer the solution.
  offers(status) {
    const next = this.help.find((hint) => !hint.open);
    if (status === "wrong" && next) {
      const open = () => {
        next.open = true;
        next.querySelector("summary").focus();
      };
      return [Study.make("button", { type: "button", class: "question-more", onclick: open }, `Show ${next.querySelector("summary").textContent.trim().toLowerCase()}`)];
    }
    if (!this.question.solution || status === "unread") return [];
    const show = ({ target }) => {
      if (status !== "passed") this.hintsGiven = Math.max(this.hintsGiven, this.help.length);
      const solution = Study.make("div", { class: "highlight question-solution", tabindex: "-1" });
      solution.innerHTML = this.question.solution;
      target.replaceWith(solution);
      solution.focus();
    };
    return [Study.make("button", { type: "button", class: "question-more", onclick: show }, "Show the solution")];
  }

  countHints() {
    const opened = this.help.map((hint, i) => (hint.open ? i + 1 : 0));
    this.hintsGiven = Math.max(this.hintsGiven, ...opened);
  }
}

window.solutionOf = Study.solutionOf;
Study.start();

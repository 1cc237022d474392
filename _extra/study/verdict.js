// Judges an answer as checking/exercise.py does: passed, or wrong with the known mistake by name.
"use strict";

const isPlainNumber = (value) => typeof value === "number";

// Whether two values agree, as checking/compare.py says it.
function agrees(got, want, rtol) {
  if (Array.isArray(want)) {
    return Array.isArray(got) && got.length === want.length && want.every((part, i) => agrees(got[i], part, rtol));
  }
  if (!isPlainNumber(want)) return got === want;
  return isPlainNumber(got) && close(got, want, rtol, Math.max(rtol * 1e-6, 2.2250738585072014e-308));
}

class Judge {
  constructor(question, functions) {
    this.question = question;
    this.rules = new Rules(functions);
  }

  check(given) {
    const { question } = this;
    const answer = question.accepts === null ? this.withoutColumns(given) : given;
    if (this.isRight(answer)) return { status: "passed", lines: question.why ? [question.why] : [] };
    const known = question.mistakes.find((mistake) => this.makes(mistake, answer));
    if (known) return { status: "wrong", mistake: known.name, lines: [known.hint] };
    return { status: "wrong", lines: this.soFar(answer) };
  }

  makes({ rule, wrong }, answer) {
    return rule === null ? agrees(answer, wrong, this.question.rtol) : this.rules.holds(rule, answer);
  }

  isRight(answer) {
    const { accepts, right, rtol } = this.question;
    if (accepts === null) return agrees(answer, right, rtol);
    if (!Array.isArray(accepts)) return this.rules.holds(accepts, answer);
    return Array.isArray(answer) && answer.length === accepts.length && this.parts(answer).every(Boolean);
  }

  parts(answer) {
    const { accepts, right, rtol } = this.question;
    return answer.map((part, i) => (accepts === null ? agrees(part, right[i], rtol) : this.rules.holds(accepts[i], part)));
  }

  // Numbers out of a column, where a list of numbers is asked for.
  withoutColumns(answer) {
    const { right } = this.question;
    const isColumn =
      Array.isArray(answer) && answer.every((row) => Array.isArray(row) && row.length === 1 && isPlainNumber(row[0]));
    return isColumn && Array.isArray(right) && right.every(isPlainNumber) ? answer.flat() : answer;
  }

  // How many parts of an answer are right, or what its form should be.
  soFar(answer) {
    const { accepts, right, choices } = this.question;
    if (choices) return this.inPlace(answer);
    if (isPlainNumber(accepts) || !Array.isArray(right)) return [];
    const what = right.every(isPlainNumber) ? "numbers" : "parts";
    if (!Array.isArray(answer)) {
      const found = isPlainNumber(answer) ? "one number" : typeof answer === "string" ? "a text" : `the type ${typeOf(answer)}`;
      return [`It needs ${right.length} ${what}, not ${found}.`];
    }
    if (answer.length !== right.length) return [`It needs ${right.length} ${what}, not ${answer.length}.`];
    const odd = answer.find((part) => !isPlainNumber(part));
    if (what === "numbers" && accepts === null && odd !== undefined) {
      return [`It needs numbers, and a part of it is of the type ${typeOf(odd)}.`];
    }
    const count = this.parts(answer).filter(Boolean).length;
    return [`${count} of ${right.length} parts ${count === 1 ? "is" : "are"} right.`];
  }

  // How many letters of an order stand in the right place.
  inPlace(answer) {
    const { right, choices } = this.question;
    const [given, wanted] = [[...letters(answer)], [...letters(right)]];
    const asked = wanted.length > 1 ? `${wanted.length} letters` : "one letter";
    if (given.length !== wanted.length || !given.every((letter) => letter in choices)) {
      return [`Answer with ${asked} of ${Object.keys(choices).join(", ")}.`];
    }
    const count = given.filter((letter, i) => letter === wanted[i]).length;
    return [`${count} of ${wanted.length} ${count === 1 ? "stands" : "stand"} in the right place.`];
  }
}

function typeOf(value) {
  if (Array.isArray(value)) return "list";
  return { boolean: "bool", string: "str", number: "float" }[typeof value];
}

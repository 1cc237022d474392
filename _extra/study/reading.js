// Reads what a person types as an answer: numbers, words and rows of them, in many ways of writing.
//
//     "1/16, sqrt(8)"   "0,4; 1,0; 1,6"   "(1， 2， 0)"   "[[1, 0], [3, 1]]"   "c e b d a"
//
// `form` says what is asked for: "one" thing, a "list", or "rows". Returns the value, or throws an
// Unread with what it could not read.
"use strict";

class Unread extends Error {}

// Digits, brackets and signs of other keyboards, as those of ASCII.
const ALIKE = {
  "−": "-", "–": "-", "—": "-", "﹣": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "⁄": "/", "√": " sqrt ",
  "、": ",", "，": ",", "；": ";", "。": ".", "٫": ".", "٬": "'", "،": ",", "؛": ";", "【": "[", "】": "]", "「": "'", "」": "'",
  "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "«": '"', "»": '"', "`": "'", "π": " pi ", "→": ",", ">": ",",
};
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const digitsOf = (zero) => [...Array(10).keys()].map((digit) => [String.fromCodePoint(zero + digit), String(digit)]);
const DIGITS = new Map([...digitsOf(0x660), ...digitsOf(0x6f0), ...digitsOf(0x966)]);

const NAMED = /[\p{L}_][\p{L}\p{N}_]*\s*[=≈]\s*(?!=)/gu; // as in γ = 1/16
const FRACTIONS = /(\d*)([¼-¾⅐-⅞])/g; // of one sign, also behind a whole number
const GAPS = /(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))/g; // as this book writes 10 000
const DIRECTIONS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // of right-to-left text

function inAscii(text) {
  const raised = (run) => `**${[...run].map((digit) => SUPERSCRIPTS.indexOf(digit)).join("")}`;
  const halved = (all, whole, sign) => `(${whole || 0}+${sign.normalize("NFKC").replace("⁄", "/")})`;
  const plain = text.replace(FRACTIONS, halved).replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, raised).replace(GAPS, "").replace(/(?<=\d)\s*(?=[√π])|(?<=[\d)])\s*(?=ln\b)/g, "*");
  const parts = [...plain].map((sign) => ALIKE[sign] ?? DIGITS.get(sign) ?? sign);
  const narrow = parts.join("").normalize("NFKC").replace(DIRECTIONS, "").replaceAll("^", "**");
  return narrow.replace(NAMED, "").replace(/(\d+(?:[.,]\d+)?)\s*%/g, "($1/100)");
}

// Thousands set apart by blanks, where a blank can mean nothing else: one number is asked for, or
// something else separates several.
function withoutGaps(text, form) {
  const grouped = /^\s*[-+]?\d{1,3}(?: \d{3})+(?!\d)/;
  if (form === "one") return text.replace(grouped, (number) => number.replaceAll(" ", ""));
  if (form !== "list" || !/[;,]/.test(text)) return text;
  const parts = text.split(/([;,]\s*)/);
  const plain = /^\s*[-+]?\d{1,3}(?: \d{3})*(?:\.\d+)?\s*$/;
  if (!parts.every((part, i) => i % 2 || !part || plain.test(part))) return text;
  return parts.map((part, i) => (i % 2 ? part : part.replaceAll(" ", ""))).join("");
}

// A comma may separate, point off decimals or group thousands. It separates where a blank follows;
// where something else separates, a comma between digits is part of a number.
function withPoints(text, form) {
  if (!/(?<=\d),(?=\d)/.test(text)) return text;
  const separators = { one: /^/, list: /;|\n|,\s|\d\s+[-+\d]/, rows: /,[^\S\n]|\d[^\S\n]+[-+\d]/ };
  if (!separators[form].test(text)) return text;
  return text.replace(/\d+(?:,\d+)*(?:\.\d+)?/g, (number) => {
    const groups = number.split(".")[0].split(",");
    if (groups.length === 1) return number;
    const inThousands = groups.slice(1).every((group) => group.length === 3) && !groups[0].startsWith("0") && groups[0].length < 4;
    if (groups.length > 2 || number.includes(".")) {
      if (inThousands) return number.replaceAll(",", "");
      throw new Unread(`“${number}” is no number.`);
    }
    if (inThousands) throw new Unread(`“${number}” may mean ${number.replace(",", "")} or ${number.replace(",", ".")}. Write it without the comma.`);
    return number.replace(",", ".");
  });
}

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|("[^"]*"|'[^']*')|([\p{L}_][\p{L}\p{N}_.]*)|(\*\*|[-+*/()[\],;]))/uy;
const BINARY = { "+": [1, (a, b) => a + b], "-": [1, (a, b) => a - b], "*": [2, (a, b) => a * b], "/": [2, (a, b) => a / b], "**": [4, (a, b) => a ** b] };
const CALLS = { sqrt: Math.sqrt, exp: Math.exp, log: Math.log, ln: Math.log, log2: Math.log2, abs: Math.abs };
const CONSTANTS = { pi: Math.PI, e: Math.E };
const WORDS = { True: true, False: false };
const CLOSES = { "(": ")", "[": "]" };

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (/\S/.test(text.slice(TOKEN.lastIndex))) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new Unread(`“${text.slice(at).trim().slice(0, 12)}” was not understood.`);
    const [whole, number, quoted, word, sign] = match;
    const spaced = at === 0 || /^\s/.test(whole);
    const before = found.at(-1);
    if (!spaced && (number || word) && (before.number || before.word)) {
      throw new Unread(`“${before.number ?? before.word}${number ?? word}” was not understood.`);
    }
    const lines = whole.slice(0, whole.search(/\S/)).includes("\n");
    found.push({ number, quoted, word, sign, spaced, lines, followedBySpace: /\s/.test(text[TOKEN.lastIndex] ?? " ") });
  }
  return found;
}

class Reader {
  constructor(text, inRows) {
    this.tokens = tokens(text);
    this.inRows = inRows; // each line is a row, also one of a single number
    this.at = 0;
  }

  get next() {
    return this.tokens[this.at] ?? {};
  }

  take(sign) {
    if (this.next.sign !== sign) return false;
    this.at += 1;
    return true;
  }

  // Everything up to a closing bracket or the end, as a list; `one` tells that it was one thing
  // with no separator behind it. Semicolons, and lines of several things, make rows.
  things(close) {
    const rows = [[]];
    let separators = 0;
    while (this.at < this.tokens.length && (!close || this.next.sign !== close)) {
      if (this.take(",")) {
        separators += 1;
      } else if (this.take(";")) {
        rows.push([]);
      } else {
        if (this.next.lines && rows.at(-1).length && !separatedBefore(this.tokens, this.at)) rows.push([]);
        rows.at(-1).push(this.expression(0));
      }
    }
    if (close && !this.take(close)) throw new Unread(`A “${close}” is missing.`);
    const full = rows.filter((row) => row.length);
    const flat = full.every((row) => row.length === 1 && (!this.inRows || Array.isArray(row[0])));
    const list = flat || full.length === 1 ? full.flat() : full;
    return { list, one: list.length === 1 && !separators && rows.length === 1 };
  }

  expression(least) {
    let left = this.operand();
    for (;;) {
      const { sign, spaced, followedBySpace } = this.next;
      const [strength, operation] = BINARY[sign] ?? [];
      // "1 -2" are two numbers, "1 - 2" and "1-2" are one.
      const begins = sign === "-" && spaced && !followedBySpace;
      const between = sign === "-" && typeof left === "string"; // as in b-d-c
      if (between) this.at += 1;
      if (!strength || strength < least || begins || between) return left;
      this.at += 1;
      const right = this.expression(strength === 4 ? 4 : strength + 1);
      left = finite(operation(asNumber(left), asNumber(right)));
    }
  }

  operand() {
    if (this.take("-")) return -asNumber(this.expression(3));
    if (this.take("+")) return asNumber(this.expression(3));
    const { number, quoted, word, sign } = this.next;
    this.at += 1;
    if (number) return finite(Number(number));
    if (quoted) return quoted.slice(1, -1);
    if (word) return this.named(word);
    if (CLOSES[sign]) {
      const { list, one } = this.things(CLOSES[sign]);
      return one && sign === "(" ? list[0] : list;
    }
    throw new Unread(sign ? `“${sign}” stands where a number or a word should.` : "Something is missing at the end.");
  }

  named(word) {
    const name = word.replace(/^(np|numpy|math|torch)\./, "");
    const call = CALLS[name];
    if (call && (this.next.sign === "(" || this.next.number)) return finite(call(asNumber(this.operand())));
    if (this.next.sign === "(" && !this.next.spaced) throw new Unread(`The function “${word}” is not known here.`);
    if (name in CONSTANTS && (word !== name || name === "pi" || ["**", "*", "/"].includes(this.next.sign))) return CONSTANTS[name];
    return WORDS[word] ?? word;
  }
}

const separatedBefore = (all, at) => [",", ";"].includes(all[at - 1]?.sign);

function asNumber(value) {
  if (typeof value === "number") return value;
  throw new Unread(`“${Array.isArray(value) ? value.join(", ") : value}” is not a number.`);
}

function finite(value) {
  if (Number.isFinite(value)) return value;
  throw new Unread("That is no finite number.");
}

function read(text, form = "list") {
  const plain = withPoints(withoutGaps(inAscii(text), form), form);
  const reader = new Reader(plain.replace(/\)\s*\(/g, "), (").replace(/\]\s*\[/g, "], ["), form === "rows");
  if (!reader.tokens.length) throw new Unread("Nothing has been written yet.");
  const { list, one } = reader.things(undefined);
  const numbers = list.filter((thing) => typeof thing === "number");
  const hasUnit = form === "one" && numbers.length === 1 && list.every((thing) => !Array.isArray(thing));
  return one ? list[0] : hasUnit ? numbers[0] : list; // as in 3072 tokens
}

// A value as a person would write it, to show what was understood.
function shown(value) {
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  return typeof value === "number" ? String(value).replace("-", "−") : String(value);
}

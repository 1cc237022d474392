// Evaluates the rules of an exercise, which the build has written as trees (page_rules.py).
//
// What Python would refuse throws here as well: a rule that cannot read an answer does not hold.
// A list or tuple is an Array, a set a PySet, a dictionary a Map, an array of NumPy an NdArray.
"use strict";

class PyError extends Error {}

const refuse = (what) => {
  throw new PyError(what);
};

class PySet {
  constructor(things) {
    this.things = new Map(things.map((thing) => [PySet.key(thing), thing]));
  }

  static key(thing) {
    if (typeof thing === "object" && thing !== null) refuse("not hashable");
    return typeof thing === "string" ? `'${thing}` : Number(thing);
  }

  has(thing) {
    return this.things.has(PySet.key(thing));
  }
}

// Arrays of numbers ---------------------------------------------------------------------------

class NdArray {
  constructor(shape, data) {
    Object.assign(this, { shape, data });
  }

  static shapeOf(value) {
    if (value instanceof NdArray) return value.shape;
    if (!Array.isArray(value)) return [];
    const shapes = value.map(NdArray.shapeOf);
    if (shapes.some((shape) => `${shape}` !== `${shapes[0]}`)) refuse("not a regular array");
    return [value.length, ...(shapes[0] ?? [])];
  }

  static of(value) {
    if (value instanceof NdArray) return value;
    return new NdArray(NdArray.shapeOf(value), [value].flat(Infinity).map(toFloat));
  }

  get size() {
    return this.data.length;
  }

  rows() {
    const [rows, ...shape] = this.shape;
    const size = this.size / rows;
    const row = (i) => this.data.slice(i * size, (i + 1) * size);
    return Array.from({ length: rows }, (_, i) => (shape.length ? new NdArray(shape, row(i)) : this.data[i]));
  }

  // The numbers of an array that is repeated to a larger shape.
  spread(shape) {
    const missing = shape.length - this.shape.length;
    const own = shape.map((_, axis) => this.shape[axis - missing] ?? 1);
    if (own.some((size, axis) => size !== 1 && size !== shape[axis])) refuse("shapes do not fit");
    const total = shape.reduce((a, b) => a * b, 1);
    return Array.from({ length: total }, (_, flat) => {
      let [index, step, rest] = [0, 1, flat];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        if (own[axis] !== 1) index += (rest % shape[axis]) * step;
        rest = Math.floor(rest / shape[axis]);
        step *= own[axis];
      }
      return this.data[index];
    });
  }

  static pairwise(a, b, operation) {
    const [one, other] = [NdArray.of(a), NdArray.of(b)];
    const [long, short] = one.shape.length >= other.shape.length ? [one, other] : [other, one];
    const missing = long.shape.length - short.shape.length;
    const shape = long.shape.map((size, i) => (size === 1 ? (short.shape[i - missing] ?? 1) : size));
    const [left, right] = [one.spread(shape), other.spread(shape)];
    return new NdArray(shape, left.map((x, i) => operation(x, right[i])));
  }

  map(operation) {
    return new NdArray(this.shape, this.data.map(operation));
  }

  reduce(operation, axis = null) {
    if (axis === null) return operation(this.data);
    const across = axis < 0 ? axis + this.shape.length : axis;
    if (this.shape.length === 1 && across === 0) return operation(this.data);
    if (this.shape.length !== 2) refuse("only matrices have axes here");
    const rows = (across === 1 ? this : this.T).rows();
    return new NdArray([rows.length], rows.map((row) => operation(row.data)));
  }

  get T() {
    const [rows, columns] = this.shape;
    if (this.shape.length !== 2) refuse("only a matrix is transposed");
    const data = this.data.map((_, i) => this.data[(i % rows) * columns + Math.floor(i / rows)]);
    return new NdArray([columns, rows], data);
  }

  matmul(other) {
    const [a, b] = [this, NdArray.of(other)];
    if (!a.shape.length || !b.shape.length || a.shape.at(-1) !== b.shape[0]) refuse("sizes do not fit");
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const rows = a.shape.length === 1 ? [a.data] : a.rows().map((row) => row.data);
    const columns = b.shape.length === 1 ? [b.data] : b.T.rows().map((column) => column.data);
    const data = rows.flatMap((row) => columns.map((column) => dot(row, column)));
    const shape = [...a.shape.slice(0, -1), ...b.shape.slice(1)];
    return shape.length ? new NdArray(shape, data) : data[0];
  }

  diagonal() {
    return new NdArray([Math.min(...this.shape)], this.rows().map((row, i) => row.data[i]).filter((x) => x !== undefined));
  }
}

// What things mean in Python --------------------------------------------------------------------

const isNumber = (value) => typeof value === "number" || typeof value === "boolean";
const isArray = (value) => value instanceof NdArray;

function truth(value) {
  if (isArray(value)) return value.size === 1 ? truth(value.data[0]) : refuse("many truths");
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof PySet) return value.things.size > 0;
  return Boolean(value) || Number.isNaN(value);
}

function toFloat(value) {
  if (isNumber(value)) return Number(value);
  if (isArray(value) && value.size === 1) return value.data[0];
  const plain = typeof value === "string" && value.trim();
  if (plain && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return Number(plain);
  return refuse("not a number");
}

function equals(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => equals(x, b[i]));
  if (a instanceof PySet && b instanceof PySet) return within(a, b) && within(b, a);
  return isNumber(a) && isNumber(b) ? Number(a) === Number(b) : a === b;
}

const within = (a, b) => [...a.things.values()].every((thing) => b.has(thing));

function before(a, b) {
  if (isNumber(a) && isNumber(b)) return Number(a) < Number(b);
  if (typeof a === "string" && typeof b === "string") return a < b;
  if (a instanceof PySet && b instanceof PySet) return within(a, b) && !within(b, a);
  if (!Array.isArray(a) || !Array.isArray(b)) return refuse("no order");
  const at = a.findIndex((x, i) => i >= b.length || !equals(x, b[i]));
  if (at < 0) return a.length < b.length;
  return at < b.length && before(a[at], b[at]);
}

function contains(all, one) {
  if (typeof all === "string") return typeof one === "string" ? all.includes(one) : refuse("not text");
  return all instanceof PySet ? all.has(one) : items(all).some((thing) => equals(thing, one));
}

function items(value) {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return [...value];
  if (value instanceof PySet) return [...value.things.values()];
  if (value instanceof Map) return [...value.keys()];
  return isArray(value) && value.shape.length ? value.rows() : refuse("not a sequence");
}

function length(value) {
  return value instanceof Map ? value.size : items(value).length;
}

function item(value, key) {
  if (value instanceof Map) return value.has(key) ? value.get(key) : refuse("no such key");
  const all = items(value instanceof PySet ? refuse("no order") : value);
  const at = key < 0 ? key + all.length : key;
  return Number.isInteger(at) && at >= 0 && at < all.length ? all[at] : refuse("no such place");
}

function slice(value, start, stop, step) {
  const all = items(value);
  const taken = (step ?? 1) > 0 ? all.slice(start ?? 0, stop ?? all.length) : all.slice().reverse();
  if ((step ?? 1) < 0 && (start ?? stop) !== null) refuse("such a slice is not known");
  const kept = taken.filter((_, i) => i % Math.abs(step ?? 1) === 0);
  if (typeof value === "string") return kept.join("");
  return isArray(value) ? NdArray.of(kept.map((row) => (isArray(row) ? row.data : row))) : kept;
}

// The letters and digits of an answer in lower case, however it was written.
function letters(answer) {
  const text = Array.isArray(answer) ? answer.flat(Infinity).join("") : String(answer);
  return [...text.toLowerCase()].filter((letter) => /[\p{L}\p{N}]/u.test(letter)).join("");
}

// "every entry of the one is close to that of the other", as NumPy's allclose.
const close = (a, b, rtol, atol) =>
  a === b || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b));

// The operators and functions that rules may use ------------------------------------------------

const compare = (a, b, operation) => (isArray(a) || isArray(b) ? NdArray.pairwise(a, b, operation) : operation(a, b));
const COMPARISONS = {
  "<": (a, b) => compare(a, b, before),
  "<=": (a, b) => compare(a, b, (x, y) => (x instanceof PySet && y instanceof PySet ? within(x, y) : before(x, y) || equals(x, y))),
  ">": (a, b) => COMPARISONS["<"](b, a),
  ">=": (a, b) => COMPARISONS["<="](b, a),
  "==": (a, b) => compare(a, b, equals),
  "!=": (a, b) => compare(a, b, (x, y) => !equals(x, y)),
  in: (a, b) => contains(b, a),
  "not in": (a, b) => !contains(b, a),
  is: (a, b) => a === b,
  "is not": (a, b) => a !== b,
};

const ARITHMETIC = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => (b === 0 ? refuse("division by zero") : a / b),
  "**": (a, b) => a ** b,
};

function operate(name, a, b) {
  if (name === "@") return NdArray.of(a).matmul(b);
  if (isArray(a) || isArray(b)) return NdArray.pairwise(a, b, name === "/" ? (x, y) => x / y : ARITHMETIC[name]);
  if (name === "-" && a instanceof PySet) return new PySet(items(a).filter((thing) => !b.has(thing)));
  if (name === "+" && Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (name === "+" && typeof a === "string" && typeof b === "string") return a + b;
  return isNumber(a) && isNumber(b) ? ARITHMETIC[name](Number(a), Number(b)) : refuse("not numbers");
}

const largest = (values) => (values.length ? values.reduce((a, b) => (before(a, b) ? b : a)) : refuse("empty"));
const total = (values) => values.reduce((a, b) => operate("+", a, b), 0);
const METHODS = {
  all: (x, [], { axis = null }) => x.reduce((data) => data.every(truth), axis),
  any: (x, [], { axis = null }) => x.reduce((data) => data.some(truth), axis),
  max: (x, [], { axis = null }) => x.reduce(largest, axis),
  min: (x, [], { axis = null }) => x.reduce((data) => -largest(data.map((value) => -value)), axis),
  sum: (x, [], { axis = null }) => x.reduce(total, axis),
  upper: (x) => x.toUpperCase(),
  join: (x, [things]) => items(things).join(x),
  values: (x) => [...x.values()],
};

const span = (data) => largest(data) + largest(data.map((value) => -value));
const each = (operation) => (x) => (isArray(x) || Array.isArray(x) ? NdArray.of(x).map(operation) : operation(toFloat(x)));
const TYPES = {
  list: Array.isArray,
  tuple: Array.isArray, // a page does not tell them apart
  str: (value) => typeof value === "string",
};
const FUNCTIONS = {
  abs: (x) => (isArray(x) ? x.map(Math.abs) : isNumber(x) ? Math.abs(x) : refuse("not a number")),
  all: (things) => items(things).every(truth),
  any: (things) => items(things).some(truth),
  bool: truth,
  dict: (pairs) => new Map(items(pairs)),
  float: toFloat,
  isinstance: (value, types) => [types].flat().some((type) => (TYPES[type.known] ?? refuse("no such type"))(value)),
  len: length,
  letters,
  list: (things) => [...items(things)],
  map: (operation, things) => items(things).map((thing) => operation(thing)),
  max: (...things) => largest(things.length > 1 ? things : items(things[0])),
  min: (...things) => items(things.length > 1 ? things : things[0]).reduce((a, b) => (before(b, a) ? b : a)),
  range: (...ends) => {
    const [start, stop, step = 1] = ends.length > 1 ? ends : [0, ...ends];
    return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step);
  },
  set: (things = []) => new PySet(items(things)),
  sorted: (things) => [...items(things)].sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0)),
  str: String,
  sum: (things) => total(items(things)),
  tuple: (things) => [...items(things)],
  zip: (...all) => items(all[0]).map((_, i) => all.map((things) => item(things, i))),
  "np.abs": each(Math.abs),
  "np.allclose": (a, b, { rtol = 1e-5, atol = 1e-8 }) =>
    NdArray.pairwise(a, b, (x, y) => close(x, y, rtol, atol)).data.every(Boolean),
  "np.array_equal": (a, b) => equals(NdArray.shapeOf(a), NdArray.shapeOf(b)) && equals(NdArray.of(a).data, NdArray.of(b).data),
  "np.asarray": (x) => NdArray.of(x),
  "np.diag": (x) => {
    const size = x.size;
    return new NdArray([size, size], Array.from({ length: size * size }, (_, i) => (i % (size + 1) ? 0 : x.data[i / (size + 1)])));
  },
  "np.diagonal": (x) => NdArray.of(x).diagonal(),
  "np.exp": each(Math.exp),
  "np.isfinite": each(Number.isFinite),
  "np.isinf": each((x) => Math.abs(x) === Infinity),
  "np.max": (x) => NdArray.of(x).reduce(largest),
  "np.ptp": (x, { axis = null } = {}) => NdArray.of(x).reduce(span, axis),
  "np.shape": NdArray.shapeOf,
  "np.subtract": (a, b) => NdArray.pairwise(a, b, ARITHMETIC["-"]),
};
const WITH_OPTIONS = ["np.allclose", "np.ptp"];

// The interpreter -------------------------------------------------------------------------------

class Rules {
  constructor(functions) {
    this.functions = functions;
  }

  // Whether a rule holds for an answer; for one that it cannot read it does not.
  holds(number, answer) {
    try {
      return truth(this.call(number, [answer]));
    } catch (error) {
      if (error instanceof PyError || error instanceof RangeError || error instanceof TypeError) return false;
      throw error;
    }
  }

  call(number, given) {
    const [names, defaults, body] = this.functions[number];
    const values = [...given];
    const missing = names.length - given.length;
    if (missing < 0 || missing > defaults.length) refuse("wrong number of arguments");
    if (missing) values.push(...defaults.slice(-missing).map((node) => this.value(node, null)));
    const scope = new Map(names.map((name, i) => [name, values[i]]));
    return this.run(body, scope)?.value ?? null;
  }

  run(body, scope) {
    for (const [kind, ...parts] of body) {
      if (kind === "return") return { value: this.value(parts[0], scope) };
      if (kind === "raise") refuse("raised");
      if (kind === "assign") this.bind(parts[0], this.value(parts[1], scope), scope);
      if (kind === "if") {
        const done = this.run(truth(this.value(parts[0], scope)) ? parts[1] : parts[2], scope);
        if (done) return done;
      }
      if (kind === "try") {
        let done;
        try {
          done = this.run(parts[0], scope);
        } catch (error) {
          if (!(error instanceof PyError)) throw error;
          done = this.run(parts[1], scope);
        }
        if (done) return done;
      }
    }
    return undefined;
  }

  bind(target, value, scope) {
    if (target[0] === "name") return scope.set(target[1], value);
    const values = items(value);
    if (values.length !== target.length - 1) refuse("wrong number of values");
    return target.slice(1).forEach((part, i) => this.bind(part, values[i], scope));
  }

  all(nodes, scope) {
    return nodes.flatMap((node) => (node[0] === "star" ? items(this.value(node[1], scope)) : [this.value(node, scope)]));
  }

  value(node, scope) {
    return this[node[0]](scope, ...node.slice(1));
  }

  // ["literal", 5] and so on: one method for each kind of node.
  literal(scope, value) {
    return value;
  }

  list(scope, ...nodes) {
    return this.all(nodes, scope);
  }

  name(scope, name) {
    return scope.has(name) ? scope.get(name) : refuse("not bound");
  }

  known(scope, name) {
    const used = (...given) => FUNCTIONS[name](...given);
    return Object.assign(used, { known: name });
  }

  function(scope, number) {
    return (...given) => this.call(number, given);
  }

  options(scope, options) {
    return Object.fromEntries(Object.entries(options).map(([name, node]) => [name, this.value(node, scope)]));
  }

  apply(scope, node, given, options) {
    const operation = this.value(node, scope);
    if (typeof operation !== "function") refuse("not a function");
    const values = this.all(given, scope);
    return WITH_OPTIONS.includes(operation.known) ? operation(...values, this.options(scope, options)) : operation(...values);
  }

  method(scope, node, name, given, options) {
    return METHODS[name](this.value(node, scope), this.all(given, scope), this.options(scope, options));
  }

  attribute(scope, node, name) {
    const value = this.value(node, scope);
    if (!isArray(value)) refuse("not an array");
    return name === "ndim" ? value.shape.length : value[name];
  }

  item(scope, node, key) {
    return item(this.value(node, scope), this.value(key, scope));
  }

  slice(scope, node, ...ends) {
    return slice(this.value(node, scope), ...ends.map((end) => this.value(end, scope)));
  }

  not(scope, node) {
    return !truth(this.value(node, scope));
  }

  negative(scope, node) {
    return operate("-", 0, this.value(node, scope));
  }

  and(scope, ...nodes) {
    return this.first(scope, nodes, (value) => !truth(value));
  }

  or(scope, ...nodes) {
    return this.first(scope, nodes, truth);
  }

  first(scope, nodes, stops) {
    let value;
    for (const node of nodes) {
      value = this.value(node, scope);
      if (stops(value)) break;
    }
    return value;
  }

  operator(scope, name, left, right) {
    return operate(name, this.value(left, scope), this.value(right, scope));
  }

  compare(scope, first, names, others) {
    let [left, held] = [this.value(first, scope), true];
    for (const [i, name] of names.entries()) {
      const right = this.value(others[i], scope);
      held = COMPARISONS[name](left, right);
      if (i < names.length - 1 && !truth(held)) return held;
      left = right;
    }
    return held;
  }

  choose(scope, test, yes, no) {
    return this.value(truth(this.value(test, scope)) ? yes : no, scope);
  }

  each(scope, element, [[target, over, tests], ...inner]) {
    return items(this.value(over, scope)).flatMap((thing) => {
      const own = new Map(scope);
      this.bind(target, thing, own);
      if (!tests.every((test) => truth(this.value(test, own)))) return [];
      return inner.length ? this.each(own, element, inner) : this.all([element], own);
    });
  }
}

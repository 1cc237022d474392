// What one step of decoding needs, from the shape of a published model: memory, traffic, operations,
// and a lower bound of its time. The numbers are those of attention_book.budget; 1 GB is 10⁹ bytes.
"use strict";

Live.figure("calculator", (root) => {
  // parameters; those a token uses; numbers kept and operations for each token seen in a layer;
  // layers, how many of them have a window, and its tokens.
  const models = {
    "LLaMA 7B": [6738415616, 6607343616, 8192, 16384, 32, 0, 0],
    "Llama 3 8B": [8030261248, 7504924672, 2048, 16384, 32, 0, 0],
    "Llama 3 70B": [70553706496, 69503033344, 2048, 32768, 80, 0, 0],
    "Llama 3 405B": [405853388800, 403752042496, 2048, 65536, 126, 0, 0],
    "Mistral 7B": [7241732096, 7110660096, 2048, 16384, 32, 32, 4096],
    "Qwen2.5 7B": [7615616512, 7070619136, 1024, 14336, 28, 0, 0],
    "Gemma 2 9B": [9242164736, 9242164736, 4096, 16384, 42, 21, 4096],
    "DeepSeek-V2": [235741434880, 20851512320, 576, 278528, 60, 0, 0],
    "DeepSeek-V3": [671026404352, 36625603584, 576, 278528, 61, 0, 0],
  };
  const devices = {
    A100: [312e12, 2039e9, 80e9], H100: [989e12, 3350e9, 80e9], "two cores": [200e9, 20e9, 16e9],
  };
  const state = { model: "Llama 3 8B", context: 8192, batch: 1, bits: 16, device: "H100" };
  let shown;

  const parts = Live.make("div", { class: "live-side" });
  const says = Live.make("p", { "aria-live": "polite" });

  function step() {
    const [all, active, kept, each, layers, windowed, window] = models[state.model];
    const [peak, bandwidth, memory] = devices[state.device];
    const near = windowed ? Math.min(state.context, window) : 0;
    const seen = (layers - windowed) * state.context + windowed * near;
    const weights = all * state.bits / 8, cache = state.batch * seen * kept * 2;
    const operations = state.batch * (2 * active + seen * each);
    const moved = active * state.bits / 8 + cache;
    const times = [operations / peak, moved / bandwidth];
    const fits = +(weights + cache <= memory);
    return { weights, cache, operations, moved, times, seconds: Math.max(...times), fits, memory };
  }

  const rounded = (x) => String(+x.toPrecision(3));
  const number = (x) => x < 1e12 ? `${rounded(x / 1e9)} thousand million` : `${rounded(x / 1e12)} million million`;
  const size = (bytes) => bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB`
    : bytes < 1e12 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e12).toFixed(1)} TB`;
  const time = (seconds) => seconds < 1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(1)} s`;

  function draw() {
    const found = step(), [computing, moving] = found.times;
    const binds = computing >= moving ? "operations" : "bytes";
    const { weights, cache, operations, moved, seconds, fits, memory } = found;
    shown = {
      call: "budget_step", arguments: { ...state },
      result: { weights, cache, operations, moved, seconds, fits, by_operations: +(binds === "operations") },
    };
    Live.show(parts,
      Live.bars([weights / 1e9, cache / 1e9], {
        caption: "memory, GB", names: ["weights", "cache"], digits: 1, limit: Math.max(weights, cache) / 1e9 }),
      Live.bars([1000 * computing, 1000 * moving], {
        caption: "time at least, ms", names: ["operations", "bytes"], digits: 2, limit: 1000 * seconds }));
    says.textContent = `Weights ${size(weights)}, cache ${size(cache)}: ${fits ? "it fits" : "more than fits"} `
      + `into ${memory / 1e9} GB. ${state.batch > 1 ? `One token for each of ${state.batch} texts` : "One token"} `
      + `takes ${number(operations)} operations and moves `
      + `${size(moved)}: ${time(seconds)} at least, ${rounded(state.batch / seconds)} tokens a second. `
      + `${binds === "bytes" ? "Bytes" : "Operations"} bind.`
      + (fits ? "" : " Several machines have to share it; the time is that of one with room for all.");
  }

  const power = (label, name, least, most) => Live.slider(label,
    { min: least, max: most, step: 1, value: Math.log2(state[name]) },
    (value) => { state[name] = 2 ** value; draw(); }, (value) => String(2 ** value));
  root.append(
    Live.make("p", { class: "live-task" },
      "Let the text grow, then the batch. Which of the two makes the cache larger than the weights? At which batch do operations bind, for a short text, and for a long one? (1 GB is 10⁹ bytes.)"),
    Live.choice("model", Object.keys(models), state.model, (name) => { state.model = name; draw(); }),
    Live.choice("device", Object.keys(devices), state.device, (name) => { state.device = name; draw(); }),
    Live.choice("bits of a weight", ["16", "8", "4"], "16", (bits) => { state.bits = +bits; draw(); }),
    power("tokens in each text", "context", 7, 17),
    power("texts in the batch", "batch", 0, 10),
    parts, says,
  );
  draw();
  return () => shown;
});

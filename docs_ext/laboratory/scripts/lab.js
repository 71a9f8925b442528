// The laboratory: its form is the page's, its rules are the pages' formulas. The state stands in
// the address, so that a link repeats a run.

import { colours, drawMap, drawPlot, fit, placing, relief } from "./draw.js";
import { losses } from "./losses.js";
import { begin, csv, python } from "./run.js";

const form = document.querySelector(".laboratory");
const { words, optimizers } = JSON.parse(form.querySelector("script").textContent);
const fields = form.elements;
const canvas = form.querySelector(".lab-map");
const status = form.querySelector(".lab-said");
const plots = [...form.querySelectorAll(".lab-plot")];
const still = matchMedia("(prefers-reduced-motion: reduce)");
// What is filled in keeps its own direction among Persian words.
const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => `\u2068${values[key]}\u2069`);
const short = (value, digits = 4) => {
  const rounded = Number(value.toPrecision(digits));
  return rounded && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
};

// What the page opens with.
const opening = {
  loss: fields.loss.value,
  on: [...fields.on].filter((box) => box.checked).map((box) => box.value),
};

// State

let state, runs = [], relieved = null, playing = false, computing = null, faults = [];

// What the address may ask for, and the fields, too.
const STEPS = [1, 20000], SEEDS = [1, 99999], ANGLES = [0, 90];

function fresh(key, on, angle = losses[key].angle) {
  return { loss: key, on, angle, start: begun(key, angle), steps: losses[key].steps, seed: 1, t: losses[key].steps, set: {} };
}

// A point turned about the middle of the map, by degrees.
function turned([x, y], degrees) {
  const [c, s] = turn(degrees);
  return [c * x - s * y, s * x + c * y];
}
const turn = (degrees) => [Math.cos, Math.sin].map((f) => f((degrees * Math.PI) / 180));
const begun = (key, angle) => (angle === null ? losses[key].start : turned(losses[key].start, angle));

// The loss as it is turned now.
function loss() {
  const upright = losses[state.loss];
  if (state.angle === null) return upright;
  const by = turn(state.angle);
  return {
    ...upright,
    turn: by,
    mean: (point) => upright.mean(point, by),
    gradient: (point, noise) => upright.gradient(point, noise, by),
  };
}

// The least and the most of each variable: what the map shows.
const bounds = () => losses[state.loss].view;
const within = (value, [least, most]) => Math.min(Math.max(value, least), most);

// What the reader has set, else what the loss brings with it, or the optimizer's default.
function current(name, { key, default: usual }) {
  const own = state.set[name] ?? {};
  const brought = { lr: losses[state.loss].lr, ...losses[state.loss].options };
  return key in own ? own[key] : (brought[key] ?? usual);
}

function set(name, hyper, value) {
  (state.set[name] ??= {})[hyper.key] = value;
}

// The options of the NumPy step, in which `betas.0` is the first of a pair.
function optionsOf(name) {
  const options = {};
  for (const hyper of optimizers[name].hyper) {
    const [option, index] = hyper.key.split(".");
    if (index === undefined) options[option] = current(name, hyper);
    else (options[option] ??= [])[index] = current(name, hyper);
  }
  return options;
}

function address() {
  const { loss, on, angle, start, steps, seed, t } = state;
  const usual = fresh(loss, on, angle);
  const parts = [`loss=${loss}`, `on=${on.map(encodeURIComponent).join(",")}`];
  if (angle !== losses[loss].angle) parts.push(`angle=${angle}`);
  if (`${start}` !== `${usual.start}`) parts.push(`start=${start}`);
  if (steps !== usual.steps) parts.push(`steps=${steps}`);
  if (seed !== usual.seed) parts.push(`seed=${seed}`);
  if (t !== steps) parts.push(`t=${t}`);
  for (const [name, values] of Object.entries(state.set)) {
    for (const [key, value] of Object.entries(values)) parts.push(`${encodeURIComponent(name)}.${key}=${value}`);
  }
  return `#${parts.join("&")}`;
}

// Takes from the address what is there; what makes no sense is said, and left out.
function follow() {
  // Without a sign of equality it names a section of the page; 1e+21 has no space in it.
  const written = location.hash.includes("=") ? location.hash.slice(1).replaceAll("+", "%2B") : "";
  const given = new Map(new URLSearchParams(written));
  faults = [];
  const refuse = (key, range) => {
    const what = `${key}=${given.get(key)}`;
    faults.push(range ? say(words.beyond, { what, least: range[0], most: range[1] }) : say(words.unknown, { what }));
  };
  const number = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : NaN);
  // Reads a number; it has to lie in its range, and to fit.
  const take = (key, range, fits = () => true) => {
    if (!given.has(key)) return undefined;
    const value = number(given.get(key));
    if (value >= range[0] && value <= range[1] && fits(value)) return value;
    return refuse(key, range);
  };
  const wanted = given.get("loss") ?? opening.loss;
  const known = Object.hasOwn(losses, wanted);
  if (!known) refuse("loss");
  const on = new Set();
  for (const name of given.get("on")?.split(",").filter(Boolean) ?? []) {
    if (!Object.hasOwn(optimizers, name)) faults.push(say(words.unknown, { what: `on=${name}` }));
    else if (on.has(name)) faults.push(say(words.twice, { name }));
    else on.add(name);
  }
  // Nobody is shown where that was asked for, not where all names were wrong.
  const chosen = on.size || given.get("on") === "" ? [...on] : opening.on;
  state = fresh(known ? wanted : opening.loss, chosen);
  if (state.angle !== null) {
    state.angle = take("angle", ANGLES) ?? state.angle;
    state.start = begun(state.loss, state.angle);
  } else if (given.has("angle")) refuse("angle");
  if (given.has("start")) {
    const values = given.get("start").split(",").map(number);
    const ranges = bounds();
    const fit = values.length === ranges.length && values.every((value, i) => value >= ranges[i][0] && value <= ranges[i][1]);
    if (fit) state.start = values;
    else refuse("start", [0, 1].map((end) => ranges.map((range) => range[end]).join()));
  }
  state.steps = take("steps", STEPS, Number.isInteger) ?? state.steps;
  state.seed = take("seed", SEEDS, Number.isInteger) ?? 1;
  state.t = take("t", [0, state.steps], Number.isInteger) ?? state.steps;
  const keys = new Set(["loss", "on", "angle", "start", "steps", "seed", "t"]);
  for (const [name, { hyper: all }] of Object.entries(optimizers)) {
    for (const hyper of all) {
      const key = `${name}.${hyper.key}`;
      keys.add(key);
      const text = given.get(key);
      if (text === undefined) continue;
      if (hyper.scale === "flag") {
        if (text === "true" || text === "false") set(name, hyper, text === "true");
        else refuse(key);
      } else if (hyper.none && text === "null") set(name, hyper, null);
      else {
        const scale = scales[hyper.scale];
        const value = take(key, scale.range(hyper), (value) => scale.fits?.(value, hyper) ?? true);
        if (value !== undefined) set(name, hyper, value);
      }
    }
  }
  for (const key of given.keys()) if (!keys.has(key)) refuse(key);
}

// Sliders: from 0 to 1, and what that means

const scales = {
  log: {
    value: (at, { min, max }) => (at === 0 ? 0 : Number((min * (max / min) ** at).toPrecision(2))),
    at: (value, { min, max }) => (value === 0 ? 0 : Math.log(value / min) / Math.log(max / min)),
    range: ({ max }) => [0, max],
    fits: (value, { min }) => value === 0 || value >= min,
  },
  decay: {
    value: (at, { max }) => Number((1 - Number((10 ** (-max * at)).toPrecision(2))).toFixed(max + 2)),
    at: (value, { max }) => -Math.log10(1 - value) / max,
    range: ({ max }) => [0, Number((1 - 10 ** -max).toFixed(max))],
  },
  count: {
    value: (at, { max }) => Math.round(at * max),
    at: (value, { max }) => value / max,
    range: ({ max }) => [0, max],
    fits: Number.isInteger,
  },
  linear: {
    value: (at, { min, max, none }) => (none && at === 1 ? null : Number((min + at * (max - min)).toPrecision(2))),
    at: (value, { min, max }) => (value === null ? 1 : (value - min) / (max - min)),
    range: ({ min, max }) => [min, max],
  },
};

// The form shows the state

// Writes into a field, unless the reader is writing there.
function fill(field, value, [least, most]) {
  field.min = least;
  field.max = most;
  if (field !== document.activeElement || field.type === "range") field.value = value;
}

function show() {
  const { names, noisy } = losses[state.loss];
  fields.loss.value = state.loss;
  for (const formula of form.querySelectorAll("[data-loss]")) formula.hidden = formula.dataset.loss !== state.loss;
  for (const box of fields.on) box.checked = state.on.includes(box.value);
  for (const place of form.querySelectorAll("[data-variable]")) place.hidden = !names.includes(place.dataset.variable);
  form.querySelector("[data-noise]").hidden = !noisy;
  form.querySelector("[data-angle]").hidden = state.angle === null;
  names.forEach((name, i) => fill(fields[name], Number(state.start[i].toPrecision(3)), bounds()[i]));
  fill(fields.steps, state.steps, STEPS);
  fill(fields.seed, state.seed, SEEDS);
  if (state.angle !== null) {
    const shown = `${state.angle}°`;
    fill(fields.angle, state.angle, ANGLES);
    fields.angle.setAttribute("aria-valuetext", shown);
    fields.angle.nextElementSibling.textContent = shown;
  }
  fields.t.max = state.steps;
  for (const [name, { hyper: all }] of Object.entries(optimizers)) {
    form.querySelector(`[data-optimizer="${name}"]`).hidden = !state.on.includes(name);
    for (const hyper of all) {
      const control = fields[`${name}.${hyper.key}`];
      const value = current(name, hyper);
      if (hyper.scale === "flag") {
        control.checked = value;
        continue;
      }
      const shown = value === null ? words.off : short(value, 6);
      control.value = scales[hyper.scale].at(value, hyper);
      control.setAttribute("aria-valuetext", shown);
      control.nextElementSibling.textContent = shown;
    }
  }
}

function draw() {
  if (!canvas.clientWidth) return; // not laid out yet; its observer calls again
  const paint = colours(form);
  const here = loss();
  fields.t.value = state.t;
  fields.at.value = say(words.of, state);
  fields.t.setAttribute("aria-valuetext", fields.at.value);
  const { width, height, ratio } = fit(canvas);
  const steps = here.view.length === 1 ? state.steps : 0;
  const made = [state.loss, state.angle, steps, width, height, ratio, paint.paper].join();
  if (relieved?.made !== made) {
    // While a valley turns, its last picture stays.
    const last = relieved?.loss === state.loss ? relieved.picture : undefined;
    const mine = (relieved = { made, loss: state.loss, picture: last });
    mine.ready = relief(here, steps, width, height, ratio, paint, () => relieved === mine).then((picture) => {
      if (relieved !== mine) return;
      mine.picture = picture;
      draw();
    });
  }
  drawMap(canvas, paint, relieved.picture, here, state, runs);
  for (const plot of plots) drawPlot(plot, paint, words[plot.dataset.plot], state, runs, plot.dataset.plot);
}

// What has come to rest is said, in words, in numbers and in the address.
let resting;
// What was about to be said is out of date.
function busy() {
  status.ariaBusy = "true";
  resting = clearTimeout(resting);
}
function rest() {
  busy();
  const mine = (resting = setTimeout(async () => {
    await relieved?.ready;
    if (playing || computing || mine !== resting) return;
    const at = (one) => Math.min(state.t, one.points.length - 1);
    const gone = (one) => one.diverged && state.t >= one.diverged;
    const best = runs.filter((one) => !gone(one)).sort((one, other) => one.losses[at(one)] - other.losses[at(other)])[0];
    const said = best ? [say(words.said, { t: state.t, name: best.name, loss: short(best.losses[at(best)]) })] : [];
    for (const one of runs.filter(gone)) said.push(say(words.diverged, { name: one.name, t: one.diverged }));
    for (const one of runs.filter((one) => state.t >= one.undefinedAt)) {
      said.push(say(words.undefined, { name: one.name, t: one.undefinedAt }));
    }
    status.textContent = [...faults, ...said].join(" ");
    form.querySelector("tbody").replaceChildren(...runs.map((one) => {
      const t = at(one);
      const numbers = [...one.points[t], one.losses[t], t ? one.lengths[t] : 0];
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = one.name;
      row.append(head, ...numbers.map((value) => {
        const cell = document.createElement("td");
        cell.textContent = short(value, 9);
        return cell;
      }));
      return row;
    }));
    history.replaceState(history.state, "", address());
    status.ariaBusy = "false";
  }, 120));
}

const rules = {};
async function change() {
  busy();
  show();
  // While some are on their way, more may be chosen.
  for (let lacking; (lacking = state.on.filter((name) => !rules[name])).length; ) {
    await Promise.all(lacking.map(async (name) => {
      rules[name] = await import(`../rules/${optimizers[name].module}.js`);
    }));
  }
  const here = loss();
  const now = state.on.map((name) => {
    const made = all(name);
    const same = runs.find((one) => one.made === made);
    const begun = () => begin(rules[name].step, here, { ...state, hyper: optionsOf(name) });
    return same ?? Object.assign(begun(), { name, made, ...optimizers[name] });
  });
  if (!(await computed(now))) return;
  runs = now;
  // Of two that share a colour, the second is dashed.
  runs.forEach((one, i) => (one.dashed = runs.slice(0, i).some((other) => other.hue === one.hue)));
  draw();
  rest();
}

// All that a run depends on.
const all = (name) =>
  JSON.stringify([name, state.loss, state.angle, state.start, state.steps, state.seed, optionsOf(name)]);

// Computes runs to their end, in pieces between which the page answers. Says whether they are still
// wanted. Stopped, all end at the iteration that each has reached.
async function computed(list) {
  const mine = (computing = { stopped: false });
  const began = performance.now();
  let until = began + 40;
  for (let open; !mine.stopped && (open = list.filter((one) => !one.finished)).length; ) {
    for (const one of open) one.advance(50);
    if (performance.now() < until) continue;
    if (performance.now() - began > 200) {
      mine.slow = true;
      label();
      const t = Math.min(...open.map((one) => one.points.length - 1));
      status.textContent = say(words.computing, { t, steps: state.steps });
    }
    await new Promise((done) => setTimeout(done));
    if (computing !== mine) return false;
    until = performance.now() + 40;
  }
  computing = null;
  label();
  if (!mine.stopped) return true;
  const reached = Math.max(1, Math.min(...list.filter((one) => !one.finished).map((one) => one.points.length - 1)));
  const { steps } = state;
  state.steps = reached;
  state.t = Math.min(state.t, reached);
  for (const one of list) {
    for (const key of ["points", "losses", "lengths"]) one[key].length = Math.min(one[key].length, reached + 1);
    if (one.diverged > reached) delete one.diverged;
    if (one.undefinedAt > reached) delete one.undefinedAt;
    one.made = all(one.name);
    one.finished = true;
  }
  faults = [say(words.stopped, { t: reached, steps })];
  show();
  return true;
}

// A slider says more often where it is than a picture can be drawn.
let due;
function soon() {
  busy();
  due ??= requestAnimationFrame(() => {
    due = undefined;
    change();
  });
}

// Playing

// What the button does now.
function label() {
  fields.play.textContent = computing?.slow ? words.stop : playing ? words.pause : words.play;
}

function play(on) {
  playing = on;
  label();
  if (!on) return rest();
  if (state.t >= state.steps) state.t = 0;
  const began = state.t;
  // A long run takes 8 seconds, a short one shows every step.
  const rate = Math.max(15, state.steps / 8) / 1000;
  let first, drawn = -Infinity;
  requestAnimationFrame(function frame(now) {
    if (!playing) return;
    first ??= now;
    if (!still.matches || now - drawn > 400) {
      drawn = now;
      state.t = Math.min(state.steps, began + Math.floor((now - first) * rate));
      draw();
    }
    if (state.t < state.steps) requestAnimationFrame(frame);
    else play(false);
  });
}

function seek(t) {
  if (playing) play(false);
  state.t = Math.min(Math.max(t, 0), state.steps);
  draw();
  rest();
}

function beginAt(point) {
  state.start = point.map((value, i) => within(Number(value.toPrecision(3)), bounds()[i]));
  soon();
}

// Listening

form.addEventListener("input", ({ target }) => {
  const { name } = target;
  if (name === "t") return seek(target.valueAsNumber);
  faults = [];
  if (name === "loss") {
    state = { ...fresh(target.value, state.on), set: state.set };
  } else if (name === "on") {
    state.on = [...fields.on].filter((box) => box.checked).map((box) => box.value);
  } else if (target.type === "number" && !(target.validity.valid && Number.isFinite(target.valueAsNumber))) {
    const { min: least, max: most } = target;
    faults = [say(words.wants, { what: target.ariaLabel ?? words[name], least, most, kept: kept(name) })];
    return rest();
  } else if (name === "W" || name === "b") {
    state.start = state.start.map((value, i) => (losses[state.loss].names[i] === name ? target.valueAsNumber : value));
  } else if (name === "angle") {
    const by = target.valueAsNumber - state.angle;
    const own = `${state.start}` !== `${begun(state.loss, state.angle)}`;
    state.angle = target.valueAsNumber;
    state.start = own
      ? turned(state.start, by).map((value, i) => within(Number(value.toPrecision(4)), bounds()[i]))
      : begun(state.loss, state.angle);
  } else if (name === "steps" || name === "seed") {
    const done = state.t === state.steps;
    state[name] = target.valueAsNumber;
    state.t = done ? state.steps : Math.min(state.t, state.steps);
  } else {
    const owner = target.closest("[data-optimizer]").dataset.optimizer;
    const hyper = optimizers[owner].hyper.find(({ key }) => name === `${owner}.${key}`);
    set(owner, hyper, hyper.scale === "flag" ? target.checked : scales[hyper.scale].value(target.valueAsNumber, hyper));
  }
  soon();
});
// What a field's number is in the run.
const kept = (name) =>
  name === "steps" || name === "seed" ? state[name] : Number(state.start[losses[state.loss].names.indexOf(name)].toPrecision(3));
// A field that was left empty, or beyond its range, shows again what runs.
form.addEventListener("focusout", ({ target }) => {
  if (target.type === "number") target.value = kept(target.name);
});
form.addEventListener("submit", (event) => event.preventDefault());
fields.play.addEventListener("click", () => {
  if (computing?.slow) computing.stopped = true;
  else play(!playing);
});
fields.back.addEventListener("click", () => seek(state.t - 1));
fields.forward.addEventListener("click", () => seek(state.t + 1));
fields.reset.addEventListener("click", () => {
  play(false);
  history.replaceState(history.state, "", location.pathname);
  follow();
  change();
});

function pointed({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  beginAt(placing(losses[state.loss], state.steps, box.width, box.height).back(clientX - box.left, clientY - box.top));
}
canvas.addEventListener("click", pointed);
canvas.addEventListener("pointermove", (event) => {
  // A finger that moves scrolls the page.
  if (event.buttons === 1 && event.pointerType === "mouse") pointed(event);
});
canvas.addEventListener("keydown", (event) => {
  const { view } = losses[state.loss];
  const [along, way] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] }[event.key] ?? [];
  if (event.key === " ") play(!playing);
  else if (along === undefined) return;
  else {
    const axis = view.length === 1 ? 0 : along;
    const [low, high] = view[axis];
    beginAt(state.start.map((value, i) => (i === axis ? value + (way * (high - low)) / 60 : value)));
  }
  event.preventDefault();
});

// Taking a run away

function save(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${state.loss}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const here = () => location.href.split("#")[0] + address();
fields.csv.addEventListener("click", () => save(new Blob([csv(losses[state.loss], runs)]), "csv"));
fields.python.addEventListener("click", () => {
  const options = runs.map(({ name }) => ({ name, hyper: optionsOf(name) }));
  save(new Blob([python(loss(), { ...state, runs: options }, here())]), "py");
});
fields.png.addEventListener("click", async () => {
  await relieved?.ready;
  const paint = colours(form);
  const parts = [canvas, ...plots];
  const width = canvas.width;
  const heights = parts.map((part) => Math.round((part.height * width) / part.width));
  const page = document.createElement("canvas");
  page.width = width;
  page.height = heights.reduce((sum, height) => sum + height, 0);
  const pen = page.getContext("2d");
  pen.fillStyle = paint.paper;
  pen.fillRect(0, 0, page.width, page.height);
  parts.reduce((top, part, i) => {
    pen.drawImage(part, 0, top, width, heights[i]);
    return top + heights[i];
  }, 0);
  page.toBlob((blob) => save(blob, "png"));
});

// Another scheme, another size, another address: another picture.
new MutationObserver(() => draw()).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
const start = () => {
  follow();
  return change();
};
start().then(() => new ResizeObserver(() => draw()).observe(canvas));
addEventListener("hashchange", () => {
  if (!location.hash.includes("=")) return;
  if (playing) play(false);
  start();
  // Who followed a link below wants to see the run.
  form.scrollIntoView();
  canvas.focus({ preventScroll: true });
});

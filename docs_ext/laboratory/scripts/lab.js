// The laboratory: its form is the page's, its rules are the pages' formulas. The state stands in
// the address, so that a link repeats a run.

import { colours, drawMap, drawPlot, fit, placing, relief } from "./draw.js";
import { losses } from "./losses.js";
import { csv, python, run } from "./run.js";

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

let state, runs = [], relieved = null, playing = false, fault = "";

function fresh(key, on) {
  const { start, steps } = losses[key];
  return { loss: key, on, start, steps, seed: 1, t: steps, set: {} };
}

// What the reader has set, else the loss's learning rate or the optimizer's default.
function current(name, { key, default: usual }) {
  const own = state.set[name] ?? {};
  return key in own ? own[key] : key === "lr" ? losses[state.loss].lr : usual;
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
  const { loss, on, start, steps, seed, t } = state;
  const usual = fresh(loss, on);
  const parts = [`loss=${loss}`, `on=${on.map(encodeURIComponent).join(",")}`];
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
  fault = "";
  const refuse = (key) => (fault = say(words.unknown, { what: `${key}=${given.get(key)}` }));
  const take = (key, check) => {
    if (!given.has(key)) return undefined;
    const value = check(given.get(key));
    if (value === undefined) refuse(key);
    return value;
  };
  const whole = (least, most) => (text) =>
    /^\d+$/.test(text) && text >= least && text <= most ? Number(text) : undefined;
  const number = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined);
  const key = take("loss", (text) => (Object.hasOwn(losses, text) ? text : undefined)) ?? opening.loss;
  const on = take("on", (text) => {
    const names = text.split(",").filter(Boolean);
    return names.every((name) => Object.hasOwn(optimizers, name)) ? names : undefined;
  });
  state = fresh(key, on ?? opening.on);
  state.start = take("start", (text) => {
    const values = text.split(",").map(number);
    return values.length === state.start.length && !values.includes(undefined) ? values : undefined;
  }) ?? state.start;
  state.steps = take("steps", whole(1, 20000)) ?? state.steps;
  state.seed = take("seed", whole(1, 99999)) ?? 1;
  state.t = take("t", whole(0, state.steps)) ?? state.steps;
  const known = new Set(["loss", "on", "start", "steps", "seed", "t"]);
  for (const [name, { hyper: all }] of Object.entries(optimizers)) {
    for (const hyper of all) {
      const key = `${name}.${hyper.key}`;
      known.add(key);
      const value = take(key, (text) => {
        if (hyper.scale === "flag") return { true: true, false: false }[text];
        if (hyper.none && text === "null") return null;
        const value = number(text);
        const fits = { decay: value < 1, count: Number.isInteger(value) }[hyper.scale] ?? true;
        return fits && (value >= 0 || (hyper.min < 0 && value < 0)) ? value : undefined;
      });
      if (value !== undefined) set(name, hyper, value);
    }
  }
  for (const key of given.keys()) if (!known.has(key)) refuse(key);
}

// Sliders: from 0 to 1, and what that means

const scales = {
  log: {
    value: (at, { min, max }) => (at === 0 ? 0 : Number((min * (max / min) ** at).toPrecision(2))),
    at: (value, { min, max }) => (value === 0 ? 0 : Math.log(value / min) / Math.log(max / min)),
  },
  decay: {
    value: (at, { max }) => Number((1 - Number((10 ** (-max * at)).toPrecision(2))).toFixed(max + 2)),
    at: (value, { max }) => -Math.log10(1 - value) / max,
  },
  count: {
    value: (at, { max }) => Math.round(at * max),
    at: (value, { max }) => value / max,
  },
  linear: {
    value: (at, { min, max, none }) => (none && at === 1 ? null : Number((min + at * (max - min)).toPrecision(2))),
    at: (value, { min, max }) => (value === null ? 1 : (value - min) / (max - min)),
  },
};

// The form shows the state

function show() {
  const loss = losses[state.loss];
  fields.loss.value = state.loss;
  for (const formula of form.querySelectorAll("[data-loss]")) formula.hidden = formula.dataset.loss !== state.loss;
  for (const box of fields.on) box.checked = state.on.includes(box.value);
  for (const place of form.querySelectorAll("[data-variable]")) place.hidden = !loss.names.includes(place.dataset.variable);
  form.querySelector("[data-noise]").hidden = !loss.noisy;
  fields.W.value = state.start[0];
  fields.b.value = state.start[1] ?? "";
  fields.steps.value = state.steps;
  fields.seed.value = state.seed;
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
  const loss = losses[state.loss];
  fields.t.value = state.t;
  fields.at.value = say(words.of, state);
  fields.t.setAttribute("aria-valuetext", fields.at.value);
  const { width, height, ratio } = fit(canvas);
  const steps = loss.view.length === 1 ? state.steps : 0;
  const made = [state.loss, steps, width, height, ratio, paint.paper].join();
  if (relieved?.made !== made) {
    const mine = (relieved = { made });
    mine.ready = relief(loss, steps, width, height, ratio, paint).then((picture) => {
      mine.picture = picture;
      if (relieved === mine) draw();
    });
  }
  drawMap(canvas, paint, relieved.picture, loss, state, runs);
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
    if (playing || mine !== resting) return;
    const at = (one) => Math.min(state.t, one.points.length - 1);
    const gone = (one) => one.diverged && state.t >= one.diverged;
    const best = runs.filter((one) => !gone(one)).sort((one, other) => one.losses[at(one)] - other.losses[at(other)])[0];
    const said = best ? [say(words.said, { t: state.t, name: best.name, loss: short(best.losses[at(best)]) })] : [];
    for (const one of runs.filter(gone)) said.push(say(words.diverged, { name: one.name, t: one.diverged }));
    status.textContent = [fault, ...said].filter(Boolean).join(" ");
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
  const loss = losses[state.loss];
  const before = runs;
  runs = state.on.map((name) => {
    const made = JSON.stringify([name, state.loss, state.start, state.steps, state.seed, optionsOf(name)]);
    const same = before.find((one) => one.made === made);
    return same ?? { name, made, ...optimizers[name], ...run(rules[name].step, loss, { ...state, hyper: optionsOf(name) }) };
  });
  // Of two that share a colour, the second is dashed.
  runs.forEach((one, i) => (one.dashed = runs.slice(0, i).some((other) => other.hue === one.hue)));
  draw();
  rest();
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

function play(on) {
  playing = on;
  fields.play.textContent = on ? words.pause : words.play;
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

function begin(point) {
  state.start = point.map((value) => Number(value.toPrecision(3)));
  soon();
}

// Listening

form.addEventListener("input", ({ target }) => {
  const { name } = target;
  if (name === "t") return seek(target.valueAsNumber);
  fault = "";
  if (name === "loss") {
    state = { ...fresh(target.value, state.on), set: state.set };
  } else if (name === "on") {
    state.on = [...fields.on].filter((box) => box.checked).map((box) => box.value);
  } else if (!target.validity.valid || target.value === "") {
    return;
  } else if (name === "W" || name === "b") {
    state.start = losses[state.loss].names.map((one) => fields[one].valueAsNumber);
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
form.addEventListener("submit", (event) => event.preventDefault());
fields.play.addEventListener("click", () => play(!playing));
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
  begin(placing(losses[state.loss], state.steps, box.width, box.height).back(clientX - box.left, clientY - box.top));
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
    begin(state.start.map((value, i) => (i === axis ? value + (way * (high - low)) / 60 : value)));
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
  save(new Blob([python(losses[state.loss], { ...state, runs: options }, here())]), "py");
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
  start();
  // Who followed a link below wants to see the run.
  form.scrollIntoView();
  canvas.focus({ preventScroll: true });
});

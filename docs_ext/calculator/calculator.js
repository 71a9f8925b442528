// The calculator: its form is the page's; its state stands in the address. The arithmetic is that of
// docs_ext/calculator/arithmetic.py, with which tests compare it.

(() => {
  const form = document.querySelector(".calculator");
  const { sizes, master, splits, bounds, optimizers, words } = JSON.parse(form.querySelector("script").textContent);
  const fields = form.elements;
  const status = form.querySelector(".calculator-said");
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // What the address may choose from; the rest are numbers, each with its bounds.
  const choices = {
    optimizer: Object.keys(optimizers),
    weights: Object.keys(sizes),
    gradients: Object.keys(sizes),
    states: Object.keys(sizes),
    master: ["true", "false"],
    split: Object.keys(splits),
  };
  const KEYS = ["millions", "optimizer", "weights", "gradients", "states", "master", "shards", "split", "bandwidth"];
  const read = (key) => {
    if (key === "master") return String(fields.master.checked);
    return key in bounds ? fields[key].valueAsNumber : fields[key].value;
  };
  const opening = Object.fromEntries(KEYS.map((key) => [key, read(key)]));

  let state, faults;

  const fits = (key, value) =>
    value >= bounds[key][0] && value <= bounds[key][1] && (key !== "shards" || Number.isInteger(value));

  // Takes from the address what is there; what makes no sense is said, and left out.
  function follow() {
    const written = location.hash.includes("=") ? location.hash.slice(1).replaceAll("+", "%2B") : "";
    state = { ...opening };
    faults = [];
    const given = new URLSearchParams(written);
    for (const [key, text] of given) {
      const what = `${key}=${text}`;
      if (Object.hasOwn(bounds, key)) {
        const [least, most] = bounds[key];
        if (fits(key, Number(text))) state[key] = Number(text);
        else faults.push(say(words.beyond, { what, least, most }));
      } else if (Object.hasOwn(choices, key) && choices[key].includes(text)) state[key] = text;
      else faults.push(say(words.unknown, { what }));
    }
    if (given.get("master") === "true" && !needsMaster(state)) {
      faults.push(say(words.masterless, { what: "master=true", weights: state.weights }));
    }
  }

  const address = () =>
    `#${KEYS.map((key) => `${key}=${encodeURIComponent(key === "master" ? hasMaster(state) : state[key])}`).join("&")}`;

  // The arithmetic

  const needsMaster = ({ weights }) => sizes[weights] < sizes[master];
  const hasMaster = (asked) => asked.master === "true" && needsMaster(asked);
  const sum = (values) => Object.values(values).reduce((all, one) => all + one, 0);

  function held(asked) {
    return {
      weights: sizes[asked.weights],
      master: hasMaster(asked) ? sizes[master] : 0,
      gradients: sizes[asked.gradients],
      states: sizes[asked.states] * sum(optimizers[asked.optimizer].states),
    };
  }

  const whole = ({ millions }) => Math.round(1e6 * millions);
  const share = (asked) => Math.ceil(whole(asked) / asked.shards);

  function onEachDevice(asked) {
    const sizeOf = ([part, size]) => [part, size * (splits[asked.split].includes(part) ? share(asked) : whole(asked))];
    return Object.fromEntries(Object.entries(held(asked)).map(sizeOf));
  }

  function moved(asked) {
    const size = held(asked);
    const weights = size.master ? 2 * size.master + size.weights : 2 * size.weights;
    return weights + size.gradients + 2 * size.states;
  }

  const seconds = (asked) => (moved(asked) * share(asked)) / (1e9 * asked.bandwidth);

  // The answer

  const figures = (value) => (value < 999.5 ? value.toPrecision(3) : value.toFixed(0));
  function inUnits(value, [unit, ...more]) {
    return value < 999.5 || !more.length ? `${figures(value)} ${unit}` : inUnits(value / 1000, more);
  }
  const amount = (size) => (size ? inUnits(size, ["bytes", "kB", "MB", "GB", "TB"]) : "0 bytes");
  const duration = (time) => inUnits(1e6 * time, ["µs", "ms", "s"]);

  function row(title, cells, value, text) {
    const made = document.createElement("tr");
    const head = made.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = title;
    for (const cell of cells) made.insertCell().textContent = cell;
    const data = made.insertCell().appendChild(document.createElement("data"));
    data.value = value;
    data.textContent = text;
    return made;
  }

  function show() {
    for (const key of KEYS) {
      if (key === "master") {
        fields.master.checked = hasMaster(state);
        fields.master.disabled = !needsMaster(state);
      } else if (fields[key] !== document.activeElement) fields[key].value = state[key];
    }
    const [size, each, least] = [held(state), onEachDevice(state), seconds(state)];
    const { states, times } = optimizers[state.optimizer];
    const names = Object.keys(states).join(", ");
    const kinds = { ...state, master, states: names ? `${state.states}: ${names}` : "none" };
    const [bytes, taken] = [".calculator-bytes", ".calculator-times"].map((place) => form.querySelector(place));
    [...bytes.rows].forEach((one, i) => {
      const part = Object.keys(size)[i];
      const [kind, count, value] = part ? [kinds[part], size[part], each[part]] : ["", sum(size), sum(each)];
      one.replaceWith(row(one.cells[0].textContent, [kind, count], value, amount(value)));
    });
    taken.replaceChildren(...[[taken.rows[0].cells[0].textContent, 1], ...times].map(([how, factor]) =>
      row(how, [factor.toFixed(2)], factor * least, duration(factor * least))));
    const total = sum(each);
    const gib = `${figures(total / 2 ** 30)} GiB`;
    const sentence = { total: amount(total), gib, moved: amount(moved(state) * share(state)), time: duration(least) };
    status.textContent = [...faults, say(words.sentence, sentence)].join(" ");
  }

  // A number field tells each digit; the address is written when the reader rests.
  let resting;
  function change() {
    show();
    status.ariaBusy = "true";
    clearTimeout(resting);
    resting = setTimeout(() => {
      history.replaceState(history.state, "", address());
      status.ariaBusy = "false";
    }, 120);
  }

  form.addEventListener("input", ({ target }) => {
    const key = target.name, value = read(key);
    faults = [];
    if (!(key in bounds) || fits(key, value)) state[key] = value;
    else {
      const [least, most] = bounds[key];
      faults = [say(words.wants, { what: target.labels[0].firstChild.data.trim(), least, most, kept: state[key] })];
    }
    change();
  });
  // A field that was left empty, or beyond its bounds, shows again what is counted.
  form.addEventListener("focusout", ({ target }) => {
    if (target.name in bounds) target.value = state[target.name];
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const preset of fields.preset) {
    preset.addEventListener("click", () => {
      state.millions = Number(preset.value);
      faults = [];
      change();
    });
  }

  follow();
  if (location.hash.includes("=")) show();
  addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    follow();
    show();
    // Who followed a link to a setting wants to see what it takes.
    form.scrollIntoView();
  });
})();

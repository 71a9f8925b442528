// Runs an optimizer's rule on a loss. What it draws by chance, Python draws as well: the snippet
// that the laboratory hands out has the same generator.

// Beyond this a run has diverged, and ends.
export const BOUND = 1e12;

// Park and Miller's generator: small enough to be exact in both languages. The first numbers are
// left out, for small seeds begin with small numbers.
export function uniform(seed) {
  const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let i = 0; i < 8; i++) next();
  return next;
}

// Begins a run: `points`, `losses` and `lengths` by iteration (the start has no length). `advance`
// takes so many iterations more; then `finished` says whether the run has ended, `diverged` at which
// iteration its loss went out of bounds, `undefinedAt` at which there was nothing to compute.
export function begin(step, loss, { start, steps, seed, hyper }) {
  const next = uniform(seed);
  const made = { points: [start], losses: [loss.mean(start)], lengths: [NaN], finished: false };
  let state = {};
  made.advance = (count) => {
    for (; count > 0 && !made.finished; count--) {
      const t = made.points.length;
      const before = made.points[t - 1];
      const noise = loss.noisy ? [next(), next()] : [];
      // A matrix of one row, since some optimizers move nothing else.
      let point;
      [[point], state] = step([before], [loss.gradient(before, noise)], state, hyper);
      if (loss.box) point = point.map((x) => Math.min(Math.max(x, -loss.box), loss.box));
      if (!point.every(Number.isFinite)) {
        made.undefinedAt = t;
        made.finished = true;
        return;
      }
      made.points.push(point);
      made.losses.push(loss.mean(point));
      made.lengths.push(Math.hypot(...point.map((x, i) => x - before[i])));
      if (!(made.losses[t] <= BOUND)) made.diverged = t;
      made.finished = made.diverged !== undefined || t === steps;
    }
  };
  return made;
}

const literal = (value) =>
  Array.isArray(value) ? `(${value.map(literal).join(", ")})` : ({ true: "True", false: "False", null: "None" }[value] ?? `${value}`);

// The program that repeats some runs with the package; `from` is the address of the laboratory.
export function python(loss, { runs, start, steps, seed }, from) {
  const names = loss.names.join(", ");
  const noisy = loss.noisy;
  const lines = [
    `# The run at ${from}`,
    ...(noisy ? ["from itertools import count", ""] : []),
    "import numpy as np",
    "",
    "from optimizers import OPTIMIZERS",
    "",
    ...(loss.turn ? [`c, s = ${loss.turn.join(", ")}  # cosine and sine of the angle`, ""] : []),
    "RUNS = {",
    ...runs.map(({ name, hyper }) => {
      const options = Object.entries(hyper).map(([key, value]) => `"${key}": ${literal(value)}`);
      return `    "${name}": {${options.join(", ")}},`;
    }),
    "}",
    "",
    "",
    `def loss(${names}):`,
    `    return ${loss.python.mean}`,
    "",
    "",
    `def gradient(${names}${noisy ? ", u, v" : ""}):`,
    `    return np.array([[${loss.python.slopes.join(", ")}]], dtype=float)`,
    "",
    ...(noisy
      ? ["", "def uniform(seed):", "    for t in count():", "        seed = seed * 48271 % 2147483647",
         "        if t >= 8:", "            yield seed / 2147483647", ""]
      : []),
    "",
    "for name, options in RUNS.items():",
    "    # A matrix of one row, since some optimizers move nothing else.",
    `    point, state = np.array([[${start.join(", ")}]], dtype=float), {}`,
    ...(noisy ? [`    draw = uniform(${seed})`] : []),
    `    for t in range(1, ${steps + 1}):`,
    `        grad = gradient(*point[0]${noisy ? ", next(draw), next(draw)" : ""})`,
    "        point, state = OPTIMIZERS[name].step(point, grad, state, **options)",
    ...(loss.box ? [`        point = np.clip(point, ${-loss.box}, ${loss.box})`] : []),
    `        if not loss(*point[0]) <= ${BOUND}:`,
    "            break",
    '    print(name, t, *(f"{x:.9g}" for x in (*point[0], loss(*point[0]))), sep="\\t")',
    "",
  ];
  return lines.join("\n");
}

export function csv(loss, shown) {
  const rows = [["iteration", "optimizer", ...loss.names, "loss", "step"]];
  for (const { name, points, losses, lengths } of shown) {
    points.forEach((point, t) => rows.push([t, name, ...point, losses[t], t ? lengths[t] : ""]));
  }
  return rows.map((row) => row.join(",")).join("\n") + "\n";
}

// Draws the map with the paths, and the curves beside it.

const LEVELS = 14;
const FONT = 12;

// The colours of the page, read anew for each picture, so that light and dark are followed.
export function colours(element) {
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: get("paper"), sheet: get("sheet"), ink: get("ink"), soft: get("ink-soft"), faint: get("faint"),
    hue: (number) => get(`hue-${number}`),
    font: (weight) => `${weight} ${FONT}px ${style.getPropertyValue("--md-text-font-family")}`,
  };
}

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// A canvas as large as its place on the page, sharp on every screen; drawn in CSS pixels.
export function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.direction = "ltr";
  pen.lineJoin = pen.lineCap = "round";
  return { pen, width, height, ratio };
}

// Where a point of the loss stands on the map, and back. With one variable, time is the other.
export function placing(loss, steps, width, height) {
  const flat = loss.view.length === 1;
  const [across, up] = flat ? [[0, steps], loss.view[0]] : loss.view;
  const inset = flat ? 18 : 0; // so that a path along the bound is seen
  return {
    flat,
    x: (value) => ((value - across[0]) / (across[1] - across[0])) * width,
    y: (value) => height - inset - ((value - up[0]) / (up[1] - up[0])) * (height - 2 * inset),
    back: (x, y) => {
      const high = up[0] + ((height - inset - y) / (height - 2 * inset)) * (up[1] - up[0]);
      const cut = Math.min(Math.max(high, up[0]), up[1]);
      return flat ? [cut] : [across[0] + (x / width) * (across[1] - across[0]), high];
    },
  };
}

// Bands of equal loss, shaded from paper to a faint ink, a line between each two. The lines are as
// wide everywhere: how fast the level changes from pixel to pixel says how near a line is. It takes
// a phone a quarter of a second, in pieces between which the page answers; it ends early, without a
// picture, when that is no longer `wanted`.
export async function relief(loss, steps, width, height, ratio, paint, wanted) {
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  const place = placing(loss, steps, width, height);
  const level = new Float32Array(w * h);
  let most = 0, until = performance.now() + 5;
  const breathe = async () => {
    if (performance.now() < until) return true;
    await new Promise((done) => setTimeout(done));
    until = performance.now() + 5;
    return wanted();
  };
  for (let j = 0, k = 0; j < h; j++) {
    if (!(await breathe())) return undefined;
    for (let i = 0; i < w; i++, k++) {
      level[k] = loss.mean(place.back((i + 0.5) / ratio, (j + 0.5) / ratio));
      if (level[k] > most) most = level[k];
    }
  }
  // Half of the picture lies above the upper half of the levels, whatever the loss.
  const sorted = level.filter((_, k) => k % 97 === 0).sort();
  const bend = most / Math.max(sorted[sorted.length >> 1], most * 1e-6);
  const scale = LEVELS / Math.log(1 + bend * bend);
  for (let j = 0, k = 0; j < h; j++) {
    if (!(await breathe())) return undefined;
    for (; k < w * (j + 1); k++) level[k] = scale * Math.log(1 + (bend * bend * level[k]) / most);
  }
  const [paper, faint] = [channels(paint.paper), channels(paint.faint)];
  const image = new ImageData(w, h);
  for (let j = 0, k = 0; j < h; j++) {
    if (!(await breathe())) return undefined;
    for (let i = 0; i < w; i++, k++) {
      const here = level[k];
      const [beside, above] = [level[i ? k - 1 : k + 1], level[j ? k - w : k + w]];
      const slope = Math.sqrt((here - beside) ** 2 + (here - above) ** 2);
      const off = Math.abs(here - Math.round(here)) / Math.max(slope, 1e-6) / ratio;
      const line = here > 0.5 ? Math.max(0, 1 - off) : 0;
      const shade = 0.6 * (Math.floor(here) / LEVELS);
      const mix = shade + (1 - shade) * line * 0.9;
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = paper[c] + (faint[c] - paper[c]) * mix;
      image.data[4 * k + 3] = 255;
    }
  }
  const picture = Object.assign(document.createElement("canvas"), { width: w, height: h });
  picture.getContext("2d").putImageData(image, 0, 0);
  return picture;
}

function halo(pen, paint, text, x, y, colour) {
  pen.font = paint.font(600);
  pen.lineWidth = 4;
  pen.strokeStyle = paint.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

// Finds a place for each label: where it wants to be, or as near as there is room. A label has x, y
// (the text's left end and its foot), a width, and maybe `other`, an x on the other side.
export function settle(labels, width, top, bottom, taken = []) {
  const high = FONT + 2;
  const placed = [...taken];
  const free = (x, y, wide) =>
    x >= 0 && x + wide <= width && y - high >= top - 2 && y <= bottom &&
    placed.every((one) => x > one.x + one.width + 3 || one.x > x + wide + 3 || Math.abs(y - one.y) >= high);
  for (const label of [...labels].sort((one, other) => one.y - other.y)) {
    const wanted = Math.min(Math.max(label.y, top + high - 2), bottom);
    const sides = [label.x, label.other ?? label.x].map((x) => Math.min(Math.max(x, 2), width - label.width - 2));
    const tries = [];
    // Where a column is full, the next one begins.
    for (const columns of [sides, sides.map((x) => x - 80), sides.map((x) => x - 160), sides.map((x) => x + 80)]) {
      for (let off = 0; off <= bottom - top; off += 2) {
        for (const x of columns) for (const y of [wanted + off, wanted - off]) tries.push([x, y]);
      }
    }
    [label.x, label.y] = tries.find(([x, y]) => free(x, y, label.width)) ?? [sides[0], wanted];
    placed.push(label);
  }
}

// As many points as the eye separates, the last one among them.
function* thinned(last, most = 1500) {
  const stride = Math.max(1, Math.ceil(last / most));
  for (let i = 0; i < last; i += stride) yield i;
  yield last;
}

const near = (value) => Math.min(Math.max(value, -1e4), 1e4);

export function drawMap(canvas, paint, picture, loss, state, runs) {
  const { pen, width, height } = fit(canvas);
  const place = placing(loss, state.steps, width, height);
  if (picture) pen.drawImage(picture, 0, 0, width, height);
  const at = (run, t) => {
    const [x, y] = place.flat ? [t, run.points[t][0]] : run.points[t];
    return [near(place.x(x)), near(place.y(y))];
  };
  const labels = [];
  for (const run of runs) {
    const last = Math.min(state.t, run.points.length - 1);
    pen.strokeStyle = pen.fillStyle = paint.hue(run.hue);
    pen.setLineDash(run.dashed ? [6, 5] : []);
    pen.lineWidth = 2;
    pen.beginPath();
    for (const i of thinned(last)) pen.lineTo(...at(run, i));
    pen.stroke();
    pen.setLineDash([]);
    if (last <= 120) {
      for (let i = 1; i < last; i++) {
        pen.beginPath();
        pen.arc(...at(run, i), 1.9, 0, 7);
        pen.fill();
      }
    }
    const [x, y] = at(run, last);
    const edge = [Math.min(Math.max(x, 7), width - 7), Math.min(Math.max(y, 7), height - 7)];
    const gone = run.diverged && last >= run.diverged;
    const away = Math.hypot(x - edge[0], y - edge[1]) > 7.5;
    pen.beginPath();
    if (gone || away) {
      // Where it left, an arrow points after it.
      pen.save();
      pen.translate(...edge);
      pen.rotate(Math.atan2(y - edge[1], x - edge[0]));
      pen.moveTo(6, 0);
      pen.lineTo(-4, -5);
      pen.lineTo(-4, 5);
      pen.fill();
      pen.restore();
    } else {
      pen.arc(x, y, 4.5, 0, 7);
      pen.fill();
      pen.lineWidth = 1.5;
      pen.strokeStyle = paint.paper;
      pen.stroke();
    }
    const text = gone ? `${run.name} ✕ ${run.diverged}` : away ? `${run.name} →` : run.name;
    pen.font = paint.font(600);
    const wide = pen.measureText(text).width;
    const [right, left] = [edge[0] + 9, edge[0] - 9 - wide];
    const fits = right + wide <= width - 4;
    labels.push({
      text, width: wide, colour: paint.hue(run.hue), foot: edge,
      x: fits ? right : left, other: fits && left >= 2 ? left : undefined, y: edge[1] + 4,
    });
  }
  pen.font = paint.font(400);
  pen.fillStyle = paint.soft;
  const [across, up] = place.flat ? ["t", loss.names[0]] : loss.names;
  pen.fillText(`${up} ↑`, 8, height - 26);
  pen.fillText(`${across} →`, 8, height - 9);
  pen.lineWidth = 1.5;
  pen.strokeStyle = paint.ink;
  for (const [x, y] of place.flat ? [] : loss.minima) {
    const [left, top] = [place.x(x), place.y(y)];
    pen.beginPath();
    pen.moveTo(left - 6, top);
    pen.lineTo(left + 6, top);
    pen.moveTo(left, top - 6);
    pen.lineTo(left, top + 6);
    pen.stroke();
  }
  const [x, y] = place.flat ? [0, state.start[0]] : state.start;
  pen.beginPath();
  pen.arc(place.x(x), place.y(y), 5.5, 0, 7);
  pen.stroke();
  // The names of the axes are in the corner; a minimum stays in sight.
  const corner = [9, 26].map((up) => ({ x: 0, y: height - up, width: 32 }));
  const crosses = (place.flat ? [] : loss.minima).map(([x, y]) => ({ x: place.x(x) - 5, y: place.y(y) + 5, width: 10 }));
  settle(labels, width, 2, height - 6, [...corner, ...crosses]);
  for (const { text, x, y, width: wide, colour, foot } of labels) {
    // A label that had to go far is led back to its point.
    const [toX, toY] = [Math.min(Math.max(foot[0], x), x + wide), y - FONT / 3];
    if (Math.hypot(foot[0] - toX, foot[1] - toY) > 1.6 * FONT) {
      pen.strokeStyle = colour;
      pen.lineWidth = 0.8;
      pen.beginPath();
      pen.moveTo(...foot);
      pen.lineTo(toX, toY);
      pen.stroke();
    }
  }
  for (const { text, x, y, colour } of labels) halo(pen, paint, text, x, y, colour);
  return labels;
}

// Between what a curve's numbers lie, found once for each curve.
const spans = new WeakMap();
function span(values) {
  if (!spans.has(values)) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value > high) high = value;
      if (value > 0 && value < low) low = value;
    }
    spans.set(values, [low, high]);
  }
  return spans.get(values);
}

// Curves over the iterations, the height in powers of ten.
export function drawPlot(canvas, paint, title, state, runs, key) {
  const { pen, width, height } = fit(canvas);
  const [left, right, top, bottom] = [42, 8, 24, 20];
  // What is nearly nothing leaves no room for the rest.
  const [floor, ceiling] = [1e-9, 1e9];
  let [low, high] = [ceiling, floor];
  // Neither do those that diverge, unless there are no others.
  const kept = runs.filter((run) => !run.diverged);
  for (const run of kept.length ? kept : runs) {
    const [least, most] = span(run[key]);
    [low, high] = [Math.min(low, least), Math.max(high, most)];
  }
  low = Math.floor(Math.log10(Math.max(low, floor)) + 1e-9);
  high = Math.max(low + 1, Math.ceil(Math.log10(Math.min(high, ceiling)) - 1e-9));
  const x = (t) => left + (t / state.steps) * (width - left - right);
  const y = (value) => {
    const power = value > 0 ? Math.log10(value) : low;
    return top + ((high - Math.min(Math.max(power, low), high)) / (high - low)) * (height - top - bottom);
  };
  pen.font = paint.font(400);
  pen.fillStyle = paint.ink;
  pen.font = paint.font(600);
  pen.fillText(title, left, 14);
  if (!runs.length) return;
  pen.font = paint.font(400);
  pen.fillStyle = paint.soft;
  pen.strokeStyle = paint.faint;
  pen.lineWidth = 1;
  const every = Math.ceil((high - low) / 4);
  for (let power = low; power <= high; power += every) {
    const level = y(10 ** power);
    pen.beginPath();
    pen.moveTo(left, level);
    pen.lineTo(width - right, level);
    pen.stroke();
    pen.textAlign = "right";
    pen.fillText(-4 < power && power < 4 ? 10 ** power >= 1 ? 10 ** power : (10 ** power).toFixed(-power) : `1e${power}`, left - 5, level + 4);
  }
  for (const [t, align] of [[0, "left"], [state.steps, "right"]]) {
    pen.textAlign = align;
    pen.fillText(t, x(t), height - 4);
  }
  pen.textAlign = "left";
  const labels = [];
  for (const run of runs) {
    const end = run[key].length - 1;
    const last = Math.min(state.t, end);
    const from = key === "lengths" ? 1 : 0;
    pen.strokeStyle = paint.hue(run.hue);
    pen.setLineDash(run.dashed ? [6, 5] : []);
    for (const [until, alpha, wide] of [[end, 0.25, 1], [last, 1, 1.75]]) {
      pen.globalAlpha = alpha;
      pen.lineWidth = wide;
      pen.beginPath();
      for (const i of thinned(until, width)) if (i >= from) pen.lineTo(x(i), y(run[key][i]));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.font = paint.font(600);
    const wide = pen.measureText(run.name).width;
    const at = Math.max(last, from);
    labels.push({
      text: run.name, width: wide, colour: paint.hue(run.hue),
      x: Math.max(left + 2, Math.min(x(at) + 5, width - right - wide)), y: y(run[key][at]) - 5,
    });
  }
  pen.strokeStyle = paint.soft;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x(state.t), top);
  pen.lineTo(x(state.t), height - bottom);
  pen.stroke();
  settle(labels, width, top - FONT, height - bottom);
  for (const { text, x, y, colour } of labels) halo(pen, paint, text, x, y, colour);
}

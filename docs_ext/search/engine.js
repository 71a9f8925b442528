// Before Material's search worker, after spellings.js: what is indexed and what is typed is read
// through them, and what is found is shown as a sentence.

const [SETUP, , QUERY, RESULT] = [0, 1, 2, 3];
const LONG = 240; // letters of a sentence that is shown whole
// A space where a half-space belongs: می شود, گام ها.
const AFFIXED = /^ن?می | (?:ها(?:یی?)?|تر(?:ین)?|ای)$/;
let keep, index, typed, words;

const read = new Map(); // most words come many times

function forms(word) {
  if (!read.has(word)) read.set(word, formsOf(word));
  return read.get(word);
}

const texts = (html) => html.replace(/<[^>]*>/g, " ").split(SEPARATOR).filter(Boolean);

// The worker drops words that say nothing; that function sees each word, and its neighbours.
function readWords(docs) {
  const known = new Set();
  for (const { title, text } of docs) for (const word of texts(`${title} ${text}`.toLowerCase())) forms(word);
  for (const all of read.values()) for (const form of all) known.add(form);
  const joined = (one, next) =>
    mayJoin(one, next) && (known.has(one + next) || AFFIXED.test(`${one} ${next}`)) ? [one + next] : [];
  keep = lunr.stopWordFilter;
  lunr.stopWordFilter = (word, at, all) => {
    if (typeof word === "string") return keep(word);
    const [[before = ""], own, [after = ""]] = [at - 1, at, at + 1].map((i) => forms(all[i]?.toString() ?? ""));
    if (!own.length) return;
    const found = [...own, ...joined(before, own[0]), ...joined(own[0], after)].filter(keep);
    return found.map((form) => word.clone(() => form));
  };
  lunr.Pipeline.registerFunction(lunr.stopWordFilter, "words");
  const build = lunr.Builder.prototype.build;
  lunr.Builder.prototype.build = function () {
    return (index = build.call(this));
  };
}

const isKnown = (word) => word in index.invertedIndex;
const matching = (set) => index.tokenSet.intersect(set).toArray();
const begins = (word) => isKnown(word) || matching(lunr.TokenSet.fromString(`${word}*`)).length > 0;
// Words of the index that differ in one letter; a number is not taken for another.
const near = (word) =>
  word.length > 3 && /\D{3}/.test(word) ? matching(lunr.TokenSet.fromFuzzyString(word, 1)) : [];

// Words of the index for a word that none begins with: one letter was wrong, or it is longer.
function instead(word) {
  if (begins(word)) return [word];
  const similar = near(word);
  // Beginnings count: what is found by adam is adamw, too.
  if (similar.length) return similar.filter((one) => !similar.some((other) => other !== one && one.startsWith(other)));
  for (let end = word.length - 1; end > 2; end--) {
    const [start, rest] = [word.slice(0, end), word.slice(end)];
    if (isKnown(start) && isKnown(rest)) return [start, rest];
    if (isKnown(start) && rest.length <= end) return [start];
  }
  return [word];
}

function meant(query) {
  const list = [];
  for (const word of query.split(SEPARATOR).flatMap((text) => {
    const parts = partsOf(text);
    const whole = parts.join("");
    return !whole || begins(whole) || near(whole).length ? [whole] : parts;
  })) {
    const last = list.at(-1);
    if (last && mayJoin(last, word) && isKnown(last + word)) list[list.length - 1] += word;
    else if (word) list.push(word);
  }
  const all = list.flatMap(instead);
  const telling = all.filter(keep);
  return telling.length ? telling : all;
}

addEventListener("message", (event) => {
  const { type, data } = event.data;
  if (type === SETUP) {
    data.config.separator = SEPARATOR.source;
    readWords(data.docs);
  } else if (type === QUERY) {
    [typed, words] = [data, meant(data)];
    // A number is that number before it is the beginning of one.
    const query = words.map((word) => (/^[\d.]+$/.test(word) && isKnown(word) ? `${word}^9 ${word}` : word));
    Object.defineProperty(event, "data", { value: { type, data: query.join(" ") } });
  }
});

// The sentence, or the line of a program, that has most of the words.
function sentence(html) {
  const lines = html.split(/<pre>(.*?)<\/pre>/s).flatMap((part, index) =>
    index % 2
      ? part.replace(/<\/?code>/g, "").split("\n").map((line) => line.trim() && `<code>${line.trim()}</code>`)
      : part.replace(/<\/?(?:p|li|ol|ul)>/g, "\n").replace(/([.!?؟]) /g, "$1\n").split("\n"),
  ).filter((line) => line.trim());
  // Of two with the same words, the one that is no program.
  const marks = (line) =>
    new Set(line.match(/<mark>.*?<\/mark>/g)?.map(fold)).size + (line.startsWith("<code>") ? 0 : 0.5);
  const best = lines.reduce((one, other) => (marks(other) > marks(one) ? other : one), lines[0] ?? "");
  return best && `<p>${cut(best)}</p>`;
}

// The part of a long sentence around its first mark.
function cut(line) {
  if (line.length < LONG) return line;
  const text = line.replace(/<\/?code>/g, "").trim();
  const middle = Math.max(text.indexOf("<mark>"), 0);
  const from = middle < LONG / 2 ? 0 : text.lastIndexOf(" ", middle - LONG / 3) + 1;
  const end = text.indexOf(" ", from + LONG);
  return `${from ? "… " : ""}${text.slice(from, end < 0 ? undefined : end)}${end < 0 ? "" : " …"}`;
}

// A hit leads to the words that were found, which hits.js marks, and says to what it answers.
const tell = postMessage;
postMessage = (message) => {
  if (message.type === RESULT) {
    const docs = message.data.items.flat();
    for (const doc of docs) {
      doc.text = sentence(doc.text);
      doc.location = doc.location.replace(/(?=#)|$/, `?${new URLSearchParams({ h: words.join(" ") })}`);
    }
    if (docs.length) docs[0].title += `<i hidden data-typed="${encodeURIComponent(typed)}"></i>`;
  }
  tell(message);
};

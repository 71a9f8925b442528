// Before Material's search worker, after spellings.js: what is indexed and what is typed is read
// through them. The worker drops words that say nothing; that function sees each word.

const SETUP = 0;
const QUERY = 2;
let keep;

addEventListener("message", (event) => {
  const { type, data } = event.data;
  if (type === SETUP) {
    keep = lunr.stopWordFilter;
    lunr.stopWordFilter = (word, index, words) => {
      if (typeof word === "string") return keep(word);
      const [first, ...rest] = word.toString().split("\u200c").map(fold);
      const next = fold(words[index + 1]?.toString() ?? "");
      const [whole] = join(`${first}${rest.join("")} ${next}`).split(" ");
      // The first part needs no entry of its own: the engine looks for beginnings.
      return [whole, ...rest].map((form) => word.clone(() => form)).filter((one) => keep(one));
    };
    lunr.Pipeline.registerFunction(lunr.stopWordFilter, "words");
  } else if (type === QUERY) {
    const words = join(fold(data).replace(/[-+*~^:]/g, " ")).split(/\s+/); // no operators
    const telling = words.filter(keep);
    const query = (telling.length ? telling : words).join(" ");
    Object.defineProperty(event, "data", { value: { type, data: query } });
  }
});

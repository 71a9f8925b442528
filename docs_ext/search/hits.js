// From a hit to its words: they are marked where it leads, and brought into view, in the tab of
// the optimizer that was named. field.js loads this with a page that a hit leads to.

(() => {
  const article = document.querySelector(".md-content__inner");
  const SILENT = "annotation, script, style, noscript, button, .headerlink";
  // Words do not go on from one of these to the next.
  const BLOCKS = "p, li, td, th, pre, h1, h2, h3, h4, h5, h6, summary, figcaption, label, text, mrow, math, div";
  const HEADINGS = "h1, h2, h3, h4, h5, h6";

  function wordsOf(text) {
    return text.split(SEPARATOR).map((word) => formsOf(word)[0]).filter(Boolean);
  }

  const sought = () => wordsOf(new URLSearchParams(location.search).get("h") ?? "");

  // A name is meant whole, or by its beginning if no other of the page begins so.
  function named(words) {
    const tabs = [...article.querySelectorAll(".tabbed-set")[0]?.querySelectorAll(":scope > .tabbed-labels > label") ?? []];
    const names = tabs.map((label) => wordsOf(label.textContent));
    const whole = names.findLastIndex((name) => words.includes(name.join("")) || name.every((word) => words.includes(word)));
    if (whole >= 0) return tabs[whole].control;
    const begun = tabs.filter((_, index) => words.some((word) => word.length > 2 && names[index].join("").startsWith(word)));
    return begun.length === 1 ? begun[0].control : null;
  }

  // Where words stand in the text, whatever elements it is made of.
  function find(words) {
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement.closest(SILENT) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    const nodes = [];
    let text = "";
    let last;
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      // An index belongs to its letter.
      const block = parent.closest("msub, msubsup") ?? parent.closest(BLOCKS);
      if (block !== last) text += "\n";
      last = block;
      nodes.push({ node, block, start: text.length });
      text += node.data;
    }
    const at = (offset) => nodes.findLast(({ start }) => start <= offset);
    const hits = [];
    let [start, before] = [0, null];
    for (const gap of [...text.matchAll(new RegExp(SEPARATOR, "g")), { index: text.length, 0: "" }]) {
      const end = gap.index;
      const forms = start < end ? formsOf(text.slice(start, end)) : [];
      if (forms.length) {
        const pair = before && mayJoin(before.whole, forms[0]) && words.find((word) => word === before.whole + forms[0]);
        const found = pair || words.find((word) => forms.some((form) => form.startsWith(word)));
        if (found) {
          const [first, final] = [at(pair ? before.start : start), at(end - 1)];
          const range = new StaticRange({
            startContainer: first.node,
            startOffset: (pair ? before.start : start) - first.start,
            endContainer: final.node,
            endOffset: end - final.start,
          });
          hits.push({ range, word: found, block: first.block });
        }
        before = { start, whole: forms[0] };
      }
      start = end + gap[0].length;
    }
    return hits;
  }

  // Of the hits in the section that was linked to, those in the block with most of the words.
  function best(hits) {
    const place = linkedTo();
    const tab = place?.matches(".tabbed-set > input") && place.parentElement.querySelectorAll(":scope > .tabbed-content > *")[
      [...place.parentElement.querySelectorAll(":scope > input")].indexOf(place)];
    const follows = (one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;
    const end = place && [...article.querySelectorAll(HEADINGS)].find((heading) => follows(place, heading));
    const inside = ({ block }) => tab ? tab.contains(block)
      : !place || ((place.contains(block) || follows(place, block)) && !(end && (end.contains(block) || follows(end, block))));
    const open = ({ block }) => block.closest(".tabbed-block")?.checkVisibility() ?? true;
    const shown = hits.filter(open);
    const near = shown.filter(inside);
    const counts = new Map();
    for (const { word, block } of near.length ? near : shown) counts.set(block, (counts.get(block) ?? new Set()).add(word));
    const most = Math.max(...[...counts.values()].map((one) => one.size));
    const [chosen] = [...counts].find(([, one]) => one.size === most) ?? [];
    return hits.find(({ block }) => block === chosen);
  }

  function bring({ range, block }) {
    for (let one = block; (one = one.closest("details:not([open])")); ) one.open = true;
    const live = document.createRange();
    live.setStart(range.startContainer, range.startOffset);
    live.setEnd(range.endContainer, range.endOffset);
    const see = () => {
      const { top, bottom } = live.getBoundingClientRect();
      const isSeen = top > document.querySelector(".md-header").offsetHeight && bottom < innerHeight;
      if (!isSeen) scrollBy(0, top - innerHeight / 3);
    };
    see();
    // A wide program or formula scrolls sideways.
    range.startContainer.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
    see();
  }

  function follow() {
    const words = sought();
    if (!words.length) return;
    const name = linkedTo()?.matches(".tabbed-set > input") ? null : named(words);
    if (name && !name.checked) {
      name.checked = true;
      name.dispatchEvent(new Event("change", { bubbles: true }));
    }
    const hits = find(words);
    globalThis.Highlight && CSS.highlights.set("sought", new Highlight(...hits.map(({ range }) => range)));
    const first = best(hits);
    if (!first) return;
    bring(first);
    // Once more when nothing moves any longer.
    if (document.readyState !== "complete") addEventListener("load", () => setTimeout(bring, 0, first));
    document.fonts.ready.then(() => bring(first));
  }

  addEventListener("hashchange", follow);
  follow();
})();

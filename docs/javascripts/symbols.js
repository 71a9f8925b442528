// Point at a symbol of a formula, tap it, or walk through them with the arrow keys: a note shows
// what it means and what it is called in the code.

(() => {
  const data = document.getElementById("meanings");
  if (!data) return;
  const meanings = JSON.parse(data.textContent);
  const note = document.body.appendChild(document.createElement("div"));
  note.className = "symbol-note";
  note.setAttribute("role", "status");
  let shown = null;

  function show(symbol) {
    shown?.classList.remove("symbol--on");
    shown = symbol;
    note.classList.toggle("symbol-note--on", Boolean(symbol));
    if (!symbol) return;
    const [meaning, code, persian] = meanings[symbol.getAttribute("class").match(/symbol-(\d+)/)[1]];
    const [english, name, other] = ["span", "code", "span"].map((tag) => document.createElement(tag));
    english.textContent = meaning;
    name.textContent = code;
    other.textContent = persian;
    other.lang = "fa";
    other.dir = "rtl";
    note.replaceChildren(english, " ", name, other);
    symbol.classList.add("symbol--on");
    const box = symbol.getBoundingClientRect();
    const left = Math.min(box.left, innerWidth - note.offsetWidth - 8);
    note.style.left = `${Math.max(8, left) + scrollX}px`;
    note.style.top = `${box.bottom + 6 + scrollY}px`;
  }

  // The formulas of a tab are one stop of the Tab key, the first of them.
  const groupOf = (element) => element.closest(".tabbed-block, article");
  const symbolsOf = (formula) => [...groupOf(formula).querySelectorAll(".symbol")].filter((symbol) => groupOf(symbol) === groupOf(formula));
  const stops = new Map();
  for (const symbol of document.querySelectorAll("bdi.math .symbol")) {
    const group = groupOf(symbol);
    if (!stops.has(group)) stops.set(group, symbol.closest(".math"));
  }
  for (const formula of stops.values()) formula.tabIndex = 0;
  const isStop = (element) => element.matches?.(".math") && stops.get(groupOf(element)) === element;

  document.addEventListener("focusin", ({ target }) => isStop(target) && (shown || show(symbolsOf(target)[0])));
  document.addEventListener("focusout", () => show(null));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(null);
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move || !isStop(event.target)) return;
    event.preventDefault();
    const symbols = symbolsOf(event.target);
    const symbol = symbols[(symbols.indexOf(shown) + move + symbols.length) % symbols.length];
    symbol.scrollIntoView({ block: "nearest", inline: "nearest" });
    show(symbol);
  });
  document.addEventListener("pointerover", ({ target }) => {
    const symbol = target.closest?.(".symbol");
    if (symbol) show(symbol);
    else if (shown && !target.closest?.(".symbol-note, .math:focus")) show(null);
  });
  document.addEventListener("click", ({ target }) => show(target.closest?.(".symbol") || null));
})();

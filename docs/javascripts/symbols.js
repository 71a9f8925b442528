// Point at a symbol of a formula, tap it, or walk through them with the arrow keys: a note tells
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
    const [meaning, code, persian] = meanings[symbol.className.match(/symbol-(\d+)/)[1]];
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

  const symbolAt = (event) => event.target.closest?.(".katex-html .symbol");
  const symbolsOf = (event) => [...(event.target.closest?.(".math")?.querySelectorAll(".katex-html .symbol") ?? [])];
  const reach = (part) => part.querySelectorAll(".math:has(.symbol)").forEach((formula) => (formula.tabIndex = 0));
  reach(document);
  document.addEventListener("made", (event) => reach(event.target));
  document.addEventListener("focusin", (event) => shown || show(symbolsOf(event)[0]));
  document.addEventListener("focusout", () => show(null));
  document.addEventListener("keydown", (event) => {
    const symbols = symbolsOf(event);
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") show(null);
    if (!move || !symbols.length) return;
    event.preventDefault();
    show(symbols[(symbols.indexOf(shown) + move + symbols.length) % symbols.length]);
  });
  document.addEventListener("pointerover", (event) => {
    const symbol = symbolAt(event);
    if (symbol) show(symbol);
    else if (shown && !event.target.closest?.(".symbol-note, .math:focus")) show(null);
  });
  document.addEventListener("click", (event) => show(symbolAt(event) || null));
})();

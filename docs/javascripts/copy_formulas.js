// A selected formula is copied as its LaTeX.

document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed || !event.clipboardData) return;
  const range = selection.getRangeAt(0).cloneRange();
  // Of a formula that is selected in part, all is copied.
  const around = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement).closest(".math");
  const [first, last] = [around(range.startContainer), around(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copied = document.createElement("div");
  copied.append(range.cloneContents());
  const formulas = copied.querySelectorAll(".math");
  if (!formulas.length) return;
  event.preventDefault();
  event.clipboardData.setData("text/html", copied.innerHTML);
  for (const formula of formulas) {
    const edge = formula.localName === "div" ? "$$" : "$";
    formula.textContent = edge + formula.querySelector("annotation").textContent + edge;
  }
  event.clipboardData.setData("text/plain", copied.textContent);
});

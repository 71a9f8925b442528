// What opens with a click opens with a key, and what Material adds to code is no part of the page
// to be jumped to.

document.addEventListener("keydown", (event) => {
  if (!event.target.matches("label[role=button]") || !["Enter", " "].includes(event.key)) return;
  event.preventDefault();
  event.target.click();
});

// What is too wide for a phone scrolls, and takes the arrow keys when it can be reached.
const SCROLLS = ".md-typeset__scrollwrap, .formula, div.math, .differs > div, pre > code";
function reach(elements) {
  // All are measured before one is changed: else the browser lays the page out again for each.
  const wider = elements.map((element) => element.scrollWidth > element.clientWidth);
  elements.forEach((element, number) => {
    if (wider[number]) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  });
}
const wide = new ResizeObserver((entries) => reach(entries.map(({ target }) => target)));
// A font that comes late makes what it sets wider, and not its box.
document.fonts.addEventListener("loadingdone", () => reach([...document.querySelectorAll(SCROLLS)]));

function complete() {
  for (const nav of document.querySelectorAll("nav.md-code__nav:not([role])")) nav.role = "none";
  for (const element of document.querySelectorAll(SCROLLS)) wide.observe(element);
}

complete();
new MutationObserver(complete).observe(document.querySelector(".md-content"), { childList: true, subtree: true });

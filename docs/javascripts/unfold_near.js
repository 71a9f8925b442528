// The build puts most formulas of closed tabs, the walks through rules, and most of the API into
// <noscript>: a browser that runs scripts takes them for text, and here they become elements when
// they are near the window, on paper, or searched; and all of them when a key is pressed or the
// window is left, for the Tab key or the browser's own search may come next.

const PLACES = ".stepper, .tabbed-block, .doc-contents";

function make(place) {
  const kept = place.querySelectorAll(":scope > noscript");
  for (const one of kept) one.outerHTML = one.textContent;
  if (kept.length) place.dispatchEvent(new Event("made", { bubbles: true }));
}

const makeAll = () => document.querySelectorAll(PLACES).forEach(make);

const near = new IntersectionObserver(
  (entries) => entries.forEach(({ target, isIntersecting }) => isIntersecting && make(target)),
  { rootMargin: "100%" },
);
document.querySelectorAll(PLACES).forEach((place) => near.observe(place));

addEventListener("keydown", makeAll, { once: true });
addEventListener("blur", makeAll, { once: true });

const paper = matchMedia("print");
if (paper.matches) makeAll();
paper.addEventListener("change", makeAll);

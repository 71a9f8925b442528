// The build puts most formulas of closed tabs, and the walks through rules, into <noscript>: a browser
// that runs scripts takes them for text, and here they become elements when they are near the window,
// on paper, or searched.

const PLACES = ".stepper, .tabbed-block";

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

const paper = matchMedia("print");
if (paper.matches) makeAll();
paper.addEventListener("change", makeAll);

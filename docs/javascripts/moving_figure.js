// The figure of the first page draws its paths step by step, once, for readers who welcome motion.
// Each path is written as one point after another, so its beginning is a path, too.

(() => {
  const SECONDS = 4; // what moves for more than five needs a way to stop it
  if (!matchMedia("(prefers-reduced-motion: no-preference)").matches) return;
  const paths = [...document.querySelectorAll("figure path[stroke^='var(--hue']")].map((path) => {
    const parts = path.getAttribute("d").trim().split(/(?=[ML])/);
    return { path, parts };
  });
  const start = performance.now();
  function draw(now) {
    const share = Math.min(Math.max((now - start) / 1000 / SECONDS, 0), 1);
    for (const { path, parts } of paths) {
      path.setAttribute("d", parts.slice(0, Math.max(1, Math.round(share * parts.length))).join(""));
    }
    if (share < 1) requestAnimationFrame(draw);
  }
  requestAnimationFrame(draw);
})();

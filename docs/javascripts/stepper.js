// Walks through the lines of a rule, iteration by iteration: the line being computed is marked, its
// value in the table above too. What is not yet computed is not yet there.

function walk(stepper) {
  const [start, back, forward] = stepper.querySelectorAll(".stepper-bar button");
  const status = stepper.querySelector("[role=status]");
  const lines = [...stepper.querySelectorAll(".line")];
  const numbers = (line) => [...line.querySelectorAll(".numbers")];
  // Every line at every moment, in the order in which they are computed.
  const places = lines
    .flatMap((line) => numbers(line).map((element) => ({ line, element, t: Number(element.dataset.t) })))
    .sort((one, other) => one.t - other.t);

  // A screen reader hears what a symbol means rather than how it is drawn.
  function told({ line, element, t }) {
    const own = places.filter((place) => place.t === t);
    const number = own.findIndex((place) => place.line === line) + 1;
    const value = element.querySelector("annotation").textContent.split("=").pop();
    const plain = value.replace(/(\\cdot )?10\^\{(-?\d+)\}/, (_, factor, power) => `${factor ? "" : "1"}e${power}`);
    return `Iteration ${t}, line ${number} of ${own.length} gives ${plain.replaceAll(" ", "")} (${line.dataset.meaning})`;
  }

  let at;
  function show(index) {
    at = Math.min(Math.max(index, 0), places.length - 1);
    const { line: current, t } = places[at];
    places.forEach(({ line, element, t: own }, place) => {
      line.classList.toggle("line--on", line === current);
      // Initialize stays; of the iterations, the current one is there as far as it got.
      element.style.display = own === 0 || own === Math.max(t, 1) ? "block" : "none";
      element.style.visibility = place <= at ? "visible" : "hidden";
    });
    stepper.parentElement.querySelectorAll("tbody tr").forEach((row, index) =>
      [...row.cells].forEach((cell, column) =>
        cell.classList.toggle("cell--on", index === Number(current.dataset.row) && column === t + 1)));
    for (const button of [start, back]) button.setAttribute("aria-disabled", at === 0);
    forward.setAttribute("aria-disabled", at === places.length - 1);
  }

  function go(index) {
    show(index);
    status.textContent = told(places[at]);
    places[at].line.scrollIntoView({ block: "nearest" });
  }

  start.addEventListener("click", () => go(0));
  back.addEventListener("click", () => go(at - 1));
  forward.addEventListener("click", () => go(at + 1));
  stepper.querySelector(".stepper-bar").addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") go(at - 1);
    if (key === "ArrowRight") go(at + 1);
  });
  // At the end of the first iteration.
  show(places.filter(({ t }) => t <= 1).length - 1);
}

for (const stepper of document.querySelectorAll(".stepper")) {
  const opened = () => {
    stepper.querySelector("template").replaceWith(stepper.querySelector("template").content);
    walk(stepper);
  };
  stepper.addEventListener("toggle", opened, { once: true });
}

// Tables inside .sortable are sorted by a click on a column's head, or by Enter on it.
// Libraries do this by a class on the table, which would take Material's own style away from it.

(() => {
  const valueOf = (row, column) => row.cells[column].textContent.trim();
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  for (const table of document.querySelectorAll(".sortable table")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((one, two) => compare(valueOf(one, column), valueOf(two, column)) * (down ? -1 : 1));
        table.tBodies[0].append(...rows);
      });
    });
  }
})();

// "In papers' letters": what is opened below one formula is open below all of them and on the next
// page, and the address says so.

(() => {
  const KEY = "__letters";
  const all = document.querySelectorAll("details.letters");
  const show = (open) => {
    for (const details of all) details.open = open;
  };

  if (new URLSearchParams(location.search).get("letters") === "paper" || __md_get(KEY)) show(true);
  for (const details of all) {
    details.querySelector("summary").addEventListener("click", (event) => {
      event.preventDefault(); // show() opens this one, too
      const open = !details.open;
      show(open);
      __md_set(KEY, open);
      const address = new URL(location);
      if (open) address.searchParams.set("letters", "paper");
      else address.searchParams.delete("letters");
      history.replaceState(history.state, "", address);
    });
  }
})();

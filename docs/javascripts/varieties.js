// Pills and links to tabs. Material opens a tab everywhere and remembers it when its label is
// clicked; here the other ways in do the same.

// The browser's own :target is not yet known while a page is loaded. Search asks for it, too.
function linkedTo() {
  try {
    return document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // a % that stands for nothing
  }
}

(() => {
  const INPUTS = ".tabbed-set > input";
  const nameOf = (input) => document.querySelector(`label[for="${input.id}"]`).textContent.trim();

  function open(chosen) {
    const name = nameOf(chosen);
    for (const input of document.querySelectorAll(INPUTS)) if (nameOf(input) === name) input.checked = true;
    __md_set("__tabs", [...new Set([name, ...(__md_get("__tabs") || [])])]);
    markPills();
  }

  function markPills() {
    const chosen = document.querySelector(`${INPUTS}:checked`);
    for (const pill of document.querySelectorAll("h1 > .pill")) {
      const on = chosen && `{${nameOf(chosen)}}` === pill.textContent;
      if (on) pill.setAttribute("aria-current", "true");
      else pill.removeAttribute("aria-current");
    }
  }

  function follow() {
    const place = linkedTo();
    if (place?.matches(INPUTS)) open(place);
    place?.scrollIntoView();
    markPills();
  }

  document.addEventListener("click", (event) => {
    const pill = event.target.closest("h1 > a.pill");
    if (!pill || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    history.replaceState({}, "", pill.hash);
    open(linkedTo());
  });
  // Material does so too, but not before it has started.
  document.addEventListener("change", (event) => event.target.matches(INPUTS) && open(event.target));
  addEventListener("hashchange", follow);
  follow();
})();

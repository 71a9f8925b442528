// Pills, links to tabs, and search hits inside hidden tabs. Material opens a tab everywhere and
// remembers it when its label is clicked; here the other ways in do the same.

(() => {
  const INPUTS = ".tabbed-set > input";
  const nameOf = (input) => document.querySelector(`label[for="${input.id}"]`).textContent.trim();

  // The browser's own :target is not yet known while a page is loaded.
  function target() {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null; // a % that stands for nothing
    }
  }

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

  // The words of a search hit may stand in a tab that is not shown, of the section it leads to.
  function openHit(words, heading) {
    const found = (block) => {
      const text = join(fold(block.textContent));
      return words.filter((word) => text.includes(word)).length;
    };
    for (const set of document.querySelectorAll(".md-content .tabbed-set")) {
      if (!(heading.compareDocumentPosition(set) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
      const inputs = [...set.querySelectorAll(":scope > input")];
      const counts = [...set.querySelectorAll(":scope > .tabbed-content > .tabbed-block")].map(found);
      const most = Math.max(...counts);
      if (counts[inputs.findIndex((input) => input.checked)] < most) open(inputs[counts.indexOf(most)]);
      if (most > 0) return;
    }
  }

  function follow() {
    const words = fold(new URLSearchParams(location.search).get("h") || "").match(/\S+/g);
    const place = target();
    if (place?.matches(INPUTS)) open(place);
    else if (words) openHit(words, place || document.body);
    place?.scrollIntoView();
    markPills();
  }

  document.addEventListener("click", (event) => {
    const pill = event.target.closest("h1 > a.pill");
    if (!pill || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    history.replaceState({}, "", pill.hash);
    open(target());
  });
  // Material does so too, but not before it has started.
  document.addEventListener("change", (event) => event.target.matches(INPUTS) && open(event.target));
  addEventListener("hashchange", follow);
  follow();

  // Material searches when a key is let go; text also comes by pasting, speech and other means.
  document.querySelector(".md-search__input")?.addEventListener("input", (event) => {
    event.target.dispatchEvent(new Event("keyup"));
  });

  // Titles in search results get their pills.
  const results = document.querySelector(".md-search-result__list");
  if (results) {
    new MutationObserver(() => {
      for (const title of results.querySelectorAll("h1, h2")) {
        if (title.textContent.includes("{") && !title.querySelector(".pill")) {
          title.innerHTML = title.innerHTML.replace(/\{(.+?)\}/g, '<span class="pill">{$1}</span>');
        }
      }
    }).observe(results, { childList: true, subtree: true });
  }
})();

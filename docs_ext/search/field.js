// What Material's search field lacks: it hears what comes without keys, Enter waits for the answer,
// and titles keep their pills. And where a hit leads, its words are looked for.

(() => {
  if (new URLSearchParams(location.search).get("h")) {
    for (const name of ["spellings.js", "hits.js"]) {
      const script = document.createElement("script");
      script.src = new URL(name, document.currentScript.src);
      script.async = false; // in this order
      document.head.append(script);
    }
  }

  const input = document.querySelector(".md-search__input");
  const results = document.querySelector(".md-search-result__list");

  // Material searches when a key is let go; text also comes by pasting, speech and other means.
  input.addEventListener("input", () => input.dispatchEvent(new Event("keyup")));

  // Enter opens the best hit of what is typed, not of what was typed before.
  const isAnswered = () => results.querySelector("[data-typed]")?.dataset.typed === encodeURIComponent(input.value);
  let waits = false;
  input.addEventListener("keydown", (event) => {
    waits = event.key === "Enter" && !event.isComposing && input.value.trim() !== "" && !isAnswered();
    if (!waits) return;
    event.preventDefault();
    event.stopPropagation();
  });

  new MutationObserver(() => {
    // Titles in search results get their pills.
    for (const title of results.querySelectorAll("h1, h2")) {
      if (title.textContent.includes("{") && !title.querySelector(".pill")) {
        title.innerHTML = title.innerHTML.replace(/\{(.+?)\}/g, '<span class="pill">{$1}</span>');
      }
    }
    if (waits && isAnswered()) input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  }).observe(results, { childList: true, subtree: true });
})();

// Pills, links to tabs and search hits inside hidden tabs. Material synchronises the tab sets and
// remembers the choice, but only when a tab is clicked; here the other ways in do the same.

const nameOf = (input) => document.querySelector(`label[for="${input.id}"]`).textContent.trim();
const tabOf = (hash) => {
  const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
  return target && target.matches(".tabbed-set > input") ? target : null;
};

function open(input) {
  input.checked = true;
  // Material listens for this: it opens the same tab everywhere and remembers it.
  input.dispatchEvent(new Event("change"));
}

function markPills() {
  const chosen = document.querySelector(".tabbed-set > input:checked");
  for (const pill of document.querySelectorAll("h1 > .pill")) {
    const on = chosen && `{${nameOf(chosen)}}` === pill.textContent;
    if (on) pill.setAttribute("aria-current", "true");
    else pill.removeAttribute("aria-current");
  }
}

// The hit's words, in the section that the hit leads to, may stand in a tab that is not shown.
function openSearchHit() {
  const words = (new URLSearchParams(location.search).get("h") || "").toLowerCase().split(/\s+/).filter(Boolean);
  const heading = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!words.length) return;
  const count = (block) => {
    const text = block.textContent.toLowerCase();
    return words.filter((word) => text.includes(word)).length;
  };
  for (const set of document.querySelectorAll(".md-content .tabbed-set")) {
    const before = heading && heading.compareDocumentPosition(set) & Node.DOCUMENT_POSITION_FOLLOWING;
    if (heading && !before) continue;
    const inputs = [...set.querySelectorAll(":scope > input")];
    const counts = [...set.querySelectorAll(":scope > .tabbed-content > .tabbed-block")].map(count);
    const most = Math.max(...counts);
    if (most === 0) continue;
    if (counts[inputs.findIndex((input) => input.checked)] < most) open(inputs[counts.indexOf(most)]);
    return;
  }
}

function follow() {
  const tab = tabOf(location.hash);
  if (tab) open(tab);
  else openSearchHit();
  markPills();
}

document.addEventListener("click", (event) => {
  const pill = event.target.closest("h1 > a.pill");
  const tab = pill && tabOf(pill.hash);
  if (!tab || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  history.replaceState({}, "", pill.hash);
  open(tab);
});
document.addEventListener("change", () => setTimeout(markPills), true);
addEventListener("hashchange", follow);
// After Material has set up the page, which it does in the same way.
document$.subscribe(() => requestAnimationFrame(follow));

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

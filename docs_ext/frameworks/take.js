// "Take it with you": a click on a framework shows its code, which is loaded when it is first asked
// for. The choice is remembered over pages. From a folder nothing can be loaded: links stay links.

(() => {
  const KEY = "__framework";
  const nameOf = (link) => link.pathname.split("/").pop().split(".")[0];

  function shown(details, links, show) {
    const panel = details.appendChild(document.createElement("div"));
    const bar = panel.appendChild(document.createElement("p"));
    const download = bar.appendChild(document.createElement("a"));
    const copy = bar.appendChild(document.createElement("button"));
    const said = bar.appendChild(document.createElement("span"));
    const highlight = panel.appendChild(document.createElement("div"));
    const code = highlight.appendChild(document.createElement("pre")).appendChild(document.createElement("code"));
    bar.className = "take-bar";
    download.textContent = "Download";
    download.download = "";
    copy.type = "button";
    copy.textContent = "Copy";
    said.setAttribute("role", "status");
    highlight.className = "highlight";
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "Copied.";
    });
    return (link) => {
      for (const other of links) other.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      download.href = link.href;
      said.textContent = "";
      code.innerHTML = show[nameOf(link)];
    };
  }

  async function open(details) {
    const links = [...details.querySelectorAll("p a")];
    const answer = await fetch(new URL("highlighted.json", links[0].href));
    if (!answer.ok) throw new Error(answer.status);
    const choose = shown(details, links, await answer.json());
    for (const link of links) {
      link.addEventListener("click", (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        choose(link);
        __md_set(KEY, nameOf(link));
      });
    }
    choose(links.find((link) => nameOf(link) === __md_get(KEY)) || links[0]);
  }

  if (location.protocol === "file:") return;
  for (const details of document.querySelectorAll(".take")) {
    let opened = null;
    details.addEventListener("toggle", () => {
      // Were it not to load, the links are still there, and the next opening tries again.
      if (details.open) opened ??= open(details).catch(() => (opened = null));
    });
  }
})();

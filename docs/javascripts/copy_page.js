// The page's Markdown twin, beside its link, is copied by a button. A browser that has no clipboard for
// this page, or reads it from a folder, where nothing can be fetched, gets no button.

(() => {
  const link = document.querySelector('.plain a[type="text/markdown"]');
  if (!link || !window.ClipboardItem || !navigator.clipboard || location.protocol === "file:") return;
  const button = document.createElement("button");
  const said = document.createElement("span");
  button.type = "button";
  button.textContent = "Copy this page as Markdown";
  said.setAttribute("role", "status");
  link.after(button);
  link.parentElement.append(said);

  const markdown = async () => {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(answer.status);
    return new Blob([await answer.text()], { type: "text/plain" });
  };

  button.addEventListener("click", async () => {
    said.textContent = "";
    try {
      // A promise, because WebKit wants to be asked while the click lasts.
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": markdown() })]);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "It could not be copied; open it instead.";
    }
  });
})();

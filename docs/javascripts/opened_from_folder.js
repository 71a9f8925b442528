// For a site that is opened from a folder: there, a link to a folder shows a list of files, and
// browsers start no workers, so that searching works in a frame instead.

// The laboratory says there why it does not run.
document.documentElement.classList.add("from-folder");

document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("a[href]");
    if (link?.protocol === "file:" && link.pathname.endsWith("/")) link.pathname += "index.html";
  },
  true,
);

window.Worker = class extends EventTarget {
  constructor(url) {
    super();
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.hidden = true;
    this.inner = frame.contentWindow;
    this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    const script = this.inner.document.createElement("script");
    script.src = new URL("engine.js", new URL(url, location));
    this.loaded = new Promise((resolve) => (script.onload = resolve));
    this.inner.document.head.append(script);
  }

  async postMessage(data) {
    await this.loaded;
    this.inner.dispatchEvent(new MessageEvent("message", { data }));
  }
};

// Stands in for Material's search worker until someone searches: that worker, engine.js, and the
// index weigh as much as a page does.

let setup, query, started;

function hold(event) {
  if (!event.isTrusted) return; // sent by us, to the engine
  event.stopImmediatePropagation();
  if (!setup) {
    setup = event.data;
    postMessage({ type: 1 }); // ready
    return;
  }
  if (event.data.data) started ??= setTimeout(start);
  query = event.data; // of what is typed meanwhile, the last counts
}

function start() {
  try {
    // The engine, which may not come twice, comes last.
    importScripts("../../../search/search_index.js", "engine.js");
  } catch {
    started = undefined; // the next key tries again
    return;
  }
  send({ ...setup, data: { ...setup.data, ...__index } });
  setTimeout(() => {
    removeEventListener("message", hold);
    send(query);
  });
}

const send = (data) => dispatchEvent(new MessageEvent("message", { data }));
addEventListener("message", hold);

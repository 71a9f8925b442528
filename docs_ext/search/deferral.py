"""Engine and index, which weigh as much as a page, are loaded when someone first searches."""

import json
import shutil
from pathlib import Path

HERE = Path(__file__).parent
# The files of this folder that pages load, by their addresses.
FILES = {f"javascripts/{name}.js": HERE / f"{name}.js" for name in ("field", "spellings", "hits")}


def defer(site: Path) -> None:
    """Replace Material's worker by `deferred_worker.js`, and the index by an empty one.

    Material loads both with each page. The whole index stands in a script: Material asks for that
    where a site is opened from a folder, and `deferred_worker.js` loads it elsewhere. The engine is
    Material's worker behind the scripts that let it read words however they are typed.
    """
    (worker,) = site.glob("assets/javascripts/workers/search.*.min.js")
    parts = [HERE / "spellings.js", HERE / "engine.js", worker]
    engine = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    worker.with_name("engine.js").write_text(engine, encoding="utf-8")
    shutil.copyfile(HERE / "deferred_worker.js", worker)
    index = site / "search" / "search_index.json"
    whole = index.read_text(encoding="utf-8")
    index.with_suffix(".js").write_text(f"var __index = {whole};\n", encoding="utf-8")
    index.write_text(json.dumps(json.loads(whole) | {"docs": []}), encoding="utf-8")

"""The search engine and its index come when someone searches, and also from a folder."""

import json
import shutil
from pathlib import Path


def defer(site: Path) -> None:
    """Put `search.js` in the place of Material's worker, and an empty index in that of the index.

    Material loads both with each page. Whole, the index stands in a script: that is what Material
    asks for where a site is opened from a folder, and what `search.js` loads elsewhere.
    """
    (worker,) = site.glob("assets/javascripts/workers/search.*.min.js")
    worker.rename(worker.with_name("engine.js"))
    shutil.copyfile(Path(__file__).with_suffix(".js"), worker)
    index = site / "search" / "search_index.json"
    whole = index.read_text(encoding="utf-8")
    index.with_suffix(".js").write_text(f"var __index = {whole};\n", encoding="utf-8")
    index.write_text(json.dumps(json.loads(whole) | {"docs": []}), encoding="utf-8")

// Removes from a style sheet, given first, the rules and variables that nothing else may use: our
// own sheet, given second, and pages and scripts.

import { readFile, writeFile } from "node:fs/promises";
import { PurgeCSS } from "purgecss";

const [sheet, own, ...content] = process.argv.slice(2);
const css = await Promise.all([sheet, own].map(async (path) => ({ raw: await readFile(path, "utf8") })));
const blocklist = [
  // This one stops colours from fading while a scheme is set, and costs a look at every element twice.
  /data-md-color-switching/,
  // Parts of Material that mkdocs.yml does not turn on; its script names them all the same.
  /\.md-(annotation|source|status|tag|tooltip|version)|giscus|mermaid|\[dir=rtl\]/,
];
const [purged] = await new PurgeCSS().purge({ content, css, blocklist, variables: true });
await writeFile(sheet, purged.css);

// Removes from a style sheet, given first, the rules and variables that nothing else may use: our
// own sheet, given second, and pages and scripts. Ours follows it, whole but for its comments.

import { readFile, writeFile } from "node:fs/promises";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";

// What pages name and never use: parts of Material that mkdocs.yml does not turn on, colours of
// palettes that are not ours, and pages that run from right to left as a whole.
const OFF =
  /\.md-(annotation|source|status|tag|tooltip|version)|giscus|mermaid|\[dir=rtl\]|\[data-md-color-(primary|accent)=(?!custom)/;
// This one stops colours from fading while a scheme is set, and costs a look at every element twice.
const COSTLY = /\[data-md-color-switching\]/;

const [sheet, own, ...content] = process.argv.slice(2);
const theirs = postcss.parse(await readFile(sheet, "utf8"));
theirs.walkRules((rule) => {
  const kept = rule.selectors.filter((selector) => !OFF.test(selector) && !COSTLY.test(selector));
  if (kept.length) rule.selectors = kept;
  else rule.remove();
});
const ours = postcss.parse(await readFile(own, "utf8"));
ours.walkComments((comment) => comment.remove());
const css = [{ raw: theirs.toString() }, { raw: ours.toString() }];
const [purged] = await new PurgeCSS().purge({ content, css, variables: true });
await writeFile(sheet, `${purged.css}\n${ours}`);

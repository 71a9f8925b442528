// Removes from a style sheet, given first, the rules that no other file, page or script, may use.

import { readFile, writeFile } from "node:fs/promises";
import { PurgeCSS } from "purgecss";

const [sheet, ...content] = process.argv.slice(2);
const css = [{ raw: await readFile(sheet, "utf8") }];
// This one stops colours from fading while a scheme is set, and costs a look at every element twice.
const blocklist = [/data-md-color-switching/];
const [purged] = await new PurgeCSS().purge({ content, css, blocklist });
await writeFile(sheet, purged.css);

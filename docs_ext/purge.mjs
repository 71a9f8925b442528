// Leaves in a style sheet, given first, what any of the other files, pages and scripts, may use.

import { readFile, writeFile } from "node:fs/promises";
import { PurgeCSS } from "purgecss";

const [sheet, ...content] = process.argv.slice(2);
const [{ css }] = await new PurgeCSS().purge({ content, css: [{ raw: await readFile(sheet, "utf8") }] });
await writeFile(sheet, css);

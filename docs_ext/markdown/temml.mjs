// Renders formulas for formulas.py: a line of JSON in, a line of JSON out.
import { createInterface } from "node:readline";
import temml from "temml";

// Site.css does what these do: the content policy of the pages allows no `style` attributes.
const STYLES = / style="(?:math-depth:0;|padding-left:[^"]*;padding-right:[^"]*;)"/g;

function rendered({ tex, marked, display }) {
  // Strictly, which refuses the marks, too: those are not the author's.
  temml.renderToString(tex, { strict: true, throwOnError: true });
  const mathml = temml.renderToString(marked, { annotate: true, throwOnError: true, trust: true });
  const html = mathml.replaceAll(STYLES, "");
  const style = html.match(/ style="[^"]*"/);
  if (style) throw new Error(`this needs${style[0]}, which the content policy forbids; write it otherwise`);
  return display ? html.replace("<math", '<math displaystyle="true"') : html;
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { html: rendered(JSON.parse(line)) };
  } catch (error) {
    reply = { error: error.message };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}

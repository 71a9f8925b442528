// Renders formulas for formulas.py: a line of JSON in, a line of JSON out.
import { createInterface } from "node:readline";
import katex from "katex";

const options = {
  throwOnError: true,
  // Marks on parts of a formula are ours; all else that LaTeX does not know is an error.
  strict: (code) => (code === "htmlExtension" ? "ignore" : "error"),
  trust: ({ command }) => command === "\\htmlClass",
};

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let reply;
  try {
    reply = { html: katex.renderToString(tex, { ...options, displayMode: display }) };
  } catch (error) {
    reply = { error: error.message };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Marked, Renderer, type Tokens } from "marked";
import type { Plugin } from "vite";

const LIST = "virtual:docs";

/** A heading's text as an anchor, in the way the documents refer to their own. */
export function anchor(text: string): string {
  return text
    .toLowerCase()
    .replace(/<[^>]*>/g, "")
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

/** Where a link of a document leads in the app: another document, or nowhere else on this site. */
export function target(href: string): string | null {
  const [path = "", hash] = href.split("#");
  if (/^https?:/.test(href) || path === "") return href;
  const name = /^([a-z0-9-]+)\.md$/.exec(path)?.[1];
  if (name === undefined) return null;
  return `/app/docs/${name}${hash === undefined ? "" : `#${hash}`}`;
}

function renderer(): Renderer {
  const made = new Renderer();
  made.heading = function ({ tokens, depth }: Tokens.Heading) {
    const text = this.parser.parseInline(tokens);
    return `<h${depth} id="${anchor(text)}">${text}</h${depth}>\n`;
  };
  made.link = function ({ href, tokens }: Tokens.Link) {
    const text = this.parser.parseInline(tokens);
    const leads = target(href);
    if (leads === null) return text;
    const away = /^https?:/.test(leads) ? ' rel="noopener noreferrer"' : "";
    return `<a href="${leads.replace(/"/g, "&quot;")}"${away}>${text}</a>`;
  };
  made.image = () => "";
  const code = made.code;
  made.code = function (token: Tokens.Code) {
    return code.call(this, token).replace("<pre>", '<pre tabindex="0">');
  };
  const table = made.table;
  made.table = function (token: Tokens.Table) {
    // Alignment would be an attribute that the policy on styles ignores; wide ones scroll.
    token.header.forEach((cell) => (cell.align = null));
    token.rows.forEach((row) => row.forEach((cell) => (cell.align = null)));
    return `<div class="wide" tabindex="0" role="group" aria-label="table">${table.call(this, token)}</div>`;
  };
  return made;
}

/** One document as HTML, its title apart. */
export function render(source: string): { title: string; html: string } {
  const title = /^# (.+)$/m.exec(source)?.[1]?.replaceAll("`", "") ?? "";
  const marked = new Marked({ renderer: renderer() });
  return { title, html: marked.parse(source, { async: false }) };
}

/** The project's documents as files of HTML beside the scripts, and the list of them to import. */
export function docs(folder: string): Plugin {
  const names = readdirSync(folder)
    .filter((name) => /^[a-z0-9-]+\.md$/.test(name))
    .sort();
  const read = (name: string) => render(readFileSync(join(folder, name), "utf8"));
  return {
    name: "assay-docs",
    resolveId: (id) => (id === LIST ? `\0${LIST}` : null),
    load(id) {
      if (id !== `\0${LIST}`) return null;
      const list = names.map((name) => ({ name: name.slice(0, -3), title: read(name).title }));
      return `export default ${JSON.stringify(list)};`;
    },
    generateBundle() {
      for (const name of names) {
        this.emitFile({ type: "asset", fileName: `docs/${name.slice(0, -3)}.html`, source: read(name).html });
      }
    },
  };
}

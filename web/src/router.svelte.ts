/** Addresses of the app: real paths below /app/, by the browser's history. */

export const BASE = "/app";

export interface Route {
  page: string;
  params: Record<string, string>;
}

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ROUTES: [string, RegExp][] = (
  [
    ["start", "/"],
    ["overview", "/(?<t>\\d+)"],
    ["leaderboard", "/(?<t>\\d+)/leaderboard"],
    ["rounds", "/(?<t>\\d+)/rounds"],
    ["round", "/(?<t>\\d+)/rounds/(?<round>\\d+)"],
    ["operators", "/(?<t>\\d+)/operators"],
    ["model", `/models/(?<id>${UUID})`],
    ["diagnostics", `/models/(?<id>${UUID})/diagnostics`],
    ["verify", `/verify/(?<id>${UUID})/(?<round>\\d+)`],
    ["verify", "/verify"],
    ["wallet", "/wallet"],
    ["docs", "/docs"],
    ["docs", "/docs/(?<name>[a-z0-9-]+)"],
  ] as [string, string][]
).map(([page, pattern]) => [page, new RegExp(`^${pattern}/?$`)]);

/** The route of a path; "missing" for one that leads nowhere. */
export function match(pathname: string): Route {
  const inside = pathname === BASE ? "/" : pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length) : "";
  for (const [page, pattern] of ROUTES) {
    const found = pattern.exec(inside);
    if (found) return { page, params: { ...found.groups } };
  }
  return { page: "missing", params: {} };
}

export const here = $state({ path: "", search: "", route: { page: "start", params: {} } as Route });

function look(): void {
  here.path = location.pathname;
  here.search = location.search;
  here.route = match(location.pathname);
}

/** Goes to an address of the app, written as from its root: "/8/rounds/3". */
export function go(to: string, { replace = false } = {}): void {
  const address = BASE + to;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  look();
  if (!replace) scrollTo(0, 0);
}

/** A value of the query, changed in place: how a table is sorted outlives a reload. */
export function setQuery(values: Record<string, string | null>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
  look();
}

export function query(name: string): string | null {
  return new URLSearchParams(here.search).get(name);
}

function click(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (match(link.pathname).page === "missing") return;
  if (link.pathname === location.pathname && link.hash) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  look();
  if (!link.hash) scrollTo(0, 0);
}

/** Begins to follow clicks on links and the back button. */
export function start(): void {
  look();
  addEventListener("popstate", look);
  document.addEventListener("click", click);
}

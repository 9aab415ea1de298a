// Sources as the answers list them, in one form. Pure.
import { words } from "../words.js";

/** Sources that are connected, or were until the provider ended it. */
export const knownSources = (answer) => sourceList(answer).filter((source) => source.connected || source.state === "needs_reauthorization");

/** `[{name, title, connected, state, last_success_at, days_stored}]`, the one that measures first. */
export function sourceList(answer) {
  const given = answer?.sources ?? {};
  const list = Array.isArray(given) ? given : Object.entries(given.sources ?? given).map(([name, source]) => ({ name, ...source }));
  return list.map((source) => ({ ...source, title: words.sources[source.name] ?? source.title ?? source.name }))
    .sort((a, b) => Number(b.name === "whoop") - Number(a.name === "whoop"));
}

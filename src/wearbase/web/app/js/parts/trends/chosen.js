// Which metric, range and comparison: the address says it, so that it can be kept and gone back to.
import { ALL } from "../../charts/metrics.js";
import { computed } from "../../html.js";
import { address, go, to } from "../../state/router.js";

export const RANGES = [7, 30, 90, 365];
const NOTHING = "none";
const known = (name) => (ALL.includes(name) ? name : null);
const usualOther = (metric) => (metric === "sleep_performance_percent" ? "hrv_rmssd_ms" : "sleep_performance_percent");

/** `{metric, range, other}`; `other` is null where nothing is compared. */
export const chosen = computed(() => {
  const query = address.value.searchParams;
  const metric = known(query.get("metric")) ?? "hrv_rmssd_ms";
  const range = RANGES.find((count) => String(count) === query.get("days")) ?? 30;
  const wanted = query.get("with");
  const other = wanted === NOTHING ? null : known(wanted) ?? usualOther(metric);
  return { metric, range, other: other === metric ? null : other };
});

export function choose(change) {
  const next = { ...chosen.value, ...change };
  const other = "other" in change ? change.other ?? NOTHING : address.value.searchParams.get("with");
  go(to("trends", { metric: next.metric, days: next.range, with: other }), { replace: true });
}

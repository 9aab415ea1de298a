// Trends: one quantity over 7, 30, 90 days or a year, beside another, by weekday, and as a table.
import { FIRST, label, OF_SAHHA, OTHERS } from "../charts/metrics.js";
import { html, useEffect, useState } from "../html.js";
import { Choice, Pick } from "../parts/choice.js";
import { isWide, PageHead } from "../parts/frame.js";
import { style } from "../parts/style.js";
import { Chart, Compared, Figures, Legend, TableSection, WeekdaySection } from "../parts/trends/sections.js";
import { chosen, choose, RANGES } from "../parts/trends/chosen.js";
import { view } from "../parts/trends/view.js";
import { load, newestAnswer } from "../state/days.js";
import { lastDay, loadTrend } from "../state/trends.js";
import { words } from "../words.js";

await style("charts.css");

export default function Trends() {
  const { metric, range, other } = chosen.value;
  const [day, setDay] = useState(null);
  const synced = newestAnswer.value?.day?.last_sync ?? null;
  useEffect(() => { void load(null); }, []);
  useEffect(() => {
    const again = Boolean(synced && seen.last && seen.last !== synced);
    seen.last = synced ?? seen.last;
    for (const one of new Set([metric, other, metric === "asleep_s" && "sleep_need_s"].filter(Boolean))) void loadTrend(one, range, { again });
  }, [metric, other, range, lastDay.value, synced]);
  const shown = view({ metric, other, range, day, setDay });
  const parts = { shown, range };
  return html`
    <${PageHead} title=${words.trends.title} sub=${words.trends.upTo} />
    <${Metrics} metric=${metric} />
    <${Choice} look="segments" label=${words.trends.range} value=${range} onChoose=${(to) => choose({ range: to })}
      options=${RANGES.map((count) => [count, words.trends.ranges[count]])} />
    ${isWide.value
      ? html`<div class="trend-columns"><div><${Chart} ...${parts} hasReadOut=${false} /><${Compared} ...${parts} /><${Legend} shown=${shown} /><${WeekdaySection} ...${parts} /></div>
          <div><${Figures} ...${parts} hasReadOut=${true} /><${TableSection} ...${parts} /></div></div>`
      : html`<${Chart} ...${parts} hasReadOut=${true} /><${Legend} shown=${shown} /><${Figures} ...${parts} /><${Compared} ...${parts} />
          <${WeekdaySection} ...${parts} /><${TableSection} ...${parts} />`}`;
}

const seen = { last: null };

/** The metrics one looks for first as pills, all others in a list behind them. */
function Metrics({ metric }) {
  const hasSahha = newestAnswer.value?.sources?.sahha?.connected || OF_SAHHA.includes(metric);
  const named = (names) => names.map((name) => [name, label(name)]);
  const groups = [["", [["", words.trends.more]]], [words.trends.ofWhoop, named(OTHERS)], ...(hasSahha ? [[words.trends.ofSahha, named(OF_SAHHA)]] : [])];
  const isFirst = FIRST.includes(metric);
  return html`<div class="metrics"><${Choice} label=${words.trends.metric} value=${metric} onChoose=${(to) => choose({ metric: to })} options=${named(FIRST)}>
    <${Pick} label=${words.trends.more} class=${`pill-pick${isFirst ? "" : " chosen"}`} groups=${groups} value=${isFirst ? "" : metric} onPick=${(to) => to && choose({ metric: to })} />
  <//></div>`;
}

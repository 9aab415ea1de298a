// The parts of the Trends page.
import { about, ALL, full, kind, label, OF_SAHHA, range as rangeText, text, title } from "../../charts/metrics.js";
import { ReadOut } from "../../charts/readout.js";
import { daySaid } from "../../charts/say.js";
import { SliderPane } from "../../charts/slider.js";
import { csv, FIRST_ROWS, TrendTable } from "../../charts/table.js";
import { LONG } from "../../charts/trend.js";
import { Weekday } from "../../charts/weekday.js";
import { age, shortDay } from "../../format.js";
import { html, useState } from "../../html.js";
import { newestAnswer } from "../../state/days.js";
import { now } from "../../state/session.js";
import { loadTrend } from "../../state/trends.js";
import { words } from "../../words.js";
import { Choice, Pick } from "../choice.js";
import { isWide } from "../frame.js";
import { Bone, ErrorCard, Section, useLate } from "../pieces.js";
import { save } from "../save.js";
import { sourceList } from "../source.js";
import { Unconnected } from "../unconnected.js";
import { choose, chosen } from "./chosen.js";

const sourcesOf = (trend) => [...new Set(trend.points.map(({ source }) => source).filter(Boolean))].map((name) => words.sources[name] ?? name);
const said = (trend, index) => (trend ? daySaid(trend, Math.max(0, index)) : "");
const hasBars = (trend) => trend.metric === "asleep_s" && !trend.isLong;

function noteOf(trend) {
  const what = [isWide.value && about(trend.metric).unit, kind(trend.metric)].filter(Boolean).join(", ");
  return [what, ...sourcesOf(trend)].filter(Boolean).join(" · ");
}

export function Chart({ shown, range, hasReadOut }) {
  const { main, other, index, moveTo, needs } = shown;
  const { trend, entry, metric } = main;
  const name = title(metric);
  return html`<section class="trend-main" aria-labelledby="trend-title">
    <div class="section-head"><h2 id="trend-title">${name}</h2><div class="section-note">${trend && noteOf(trend)}</div></div>
    ${entry?.problem && !trend ? html`<${ErrorCard} problem=${entry.problem} what=${label(metric)} onAgain=${() => void loadTrend(metric, range, { again: true })} />`
      : !trend ? html`<${Waiting} hasReadOut=${hasReadOut} />`
      : trend.counted === 0 ? html`<${Empty} metric=${metric} range=${range} />`
      : html`${hasReadOut && html`<${ReadOut} trend=${trend} index=${index} />`}
        <${SliderPane} trend=${trend} cursor=${index} onCursor=${moveTo} also=${said(other?.trend, index)} form=${hasBars(trend) ? "bars" : "line"} needs=${needs} />
        <${Old} entry=${entry} /><${Changes} trend=${trend} />`}
  </section>`;
}

function Waiting({ hasReadOut }) {
  const isLate = useLate(true);
  return html`<div class="trend-waiting" aria-busy="true">${hasReadOut && html`<div class="readout-place">${isLate && html`<${Bone} size="readout" />`}</div>`}
    <div class="chart chart-main">${isLate && html`<${Bone} size="chart" />`}</div></div>`;
}

function Empty({ metric, range }) {
  const isConnected = sourceList(newestAnswer.value).some((source) => source.connected || source.days_stored);
  if (newestAnswer.value && !isConnected) {
    return html`<${Unconnected} />`;
  }
  return html`<p class="trend-empty"><b>${words.trends.empty(label(metric), words.trends.ranges[range])}</b> ${words.trends.emptyRest}</p>`;
}

/** What is shown could not be read again: how old it is. */
const Old = ({ entry }) => entry.problem && html`<p class="small" role="status">${words.notices.notRefreshed} ${words.trends.loaded(age(entry.at, now.value).text)}</p>`;

const Changes = ({ trend }) => trend.changes.map(({ day, from, to: next }) => html`<p class="small change-note" key=${day}>
  ${words.trends.changed(shortDay(day), words.sources[from] ?? from, words.sources[next] ?? next)}</p>`);

export function Legend({ shown }) {
  const { trend } = shown.main;
  if (!trend || trend.counted === 0) return null;
  const items = [
    hasBars(trend) ? ["bar", label(trend.metric)] : ["line", trend.isLong ? words.trends.legendAverage : label(trend.metric)],
    trend.isLong && ["dot", words.trends.legendDay],
    hasBars(trend) && ["need", words.trends.legendNeed],
    trend.lows.some((low) => low !== null) && ["band", words.trends.legendUsual],
    trend.counted < trend.days.length && ["gap", words.trends.legendNone],
  ].filter(Boolean);
  return html`<ul class="legend">${items.map(([look, text_]) => html`<li key=${look}><span class=${`key key-${look}`} aria-hidden="true"></span>${text_}</li>`)}
    ${!isWide.value && html`<li class="to-table"><button type="button" class="link" onClick=${toTable}>${words.trends.toTable}</button></li>`}</ul>`;
}

function toTable() {
  const heading = document.getElementById("trend-table-title");
  heading.scrollIntoView();
  heading.focus();
}

export function Figures({ shown, hasReadOut = false }) {
  const { main: { trend }, other, index } = shown;
  if (!trend || trend.counted === 0) return null;
  const { unit } = about(trend.metric);
  const figure = (name, value, rest) => html`<div><dt>${name}</dt><dd><b>${value}</b>${rest && html` <span class="unit">${rest}</span>`}</dd></div>`;
  const low = trend.lows.at(-1);
  return html`<div class=${`figures-place${hasReadOut ? " card" : ""}`}>
    ${hasReadOut && html`<${ReadOut} trend=${trend} index=${index} second=${other?.trend} />`}
    <dl class="trend-figures">${figure(words.trends.median, text(trend.metric, Number(trend.median.toFixed(about(trend.metric).digits))), unit)}
      ${figure(words.trends.usualRange, rangeText(trend.metric, low, trend.highs.at(-1)), low !== null && unit)}
      ${figure(words.trends.daysWithData, String(trend.counted), words.trends.of(trend.days.length))}</dl>
  </div>`;
}

export function Compared({ shown, range }) {
  const { other, main, index, moveTo } = shown;
  const { metric } = chosen.value;
  const options = ALL.filter((name) => name !== metric && (!OF_SAHHA.includes(name) || newestAnswer.value?.sources?.sahha?.connected || name === other?.metric));
  const groups = [["", [["", words.trends.nothing], ...options.map((name) => [name, label(name)])]]];
  return html`<section class="section compared" aria-labelledby="compared-title">
    <div class="section-head"><h2 id="compared-title">${words.trends.compared}</h2>
      <${Pick} class="link-pick" label=${words.trends.compare} groups=${groups} value=${other?.metric ?? ""} onPick=${(to_) => choose({ other: to_ || null })} /></div>
    ${other && html`<${Second} other=${other} main=${main} index=${index} moveTo=${moveTo} range=${range} />`}
  </section>`;
}

function Second({ other, main, index, moveTo, range }) {
  const { trend, entry, metric } = other;
  if (entry?.problem && !trend) return html`<${ErrorCard} problem=${entry.problem} what=${label(metric)} onAgain=${() => void loadTrend(metric, range, { again: true })} />`;
  if (!trend) return html`<div class="chart chart-second" aria-busy="true"></div>`;
  if (trend.counted === 0) return html`<${Empty} metric=${metric} range=${range} />`;
  return html`<p class="second-note"><span>${noteOf(trend)}</span><span><b>${full(metric, trend.values[index])}</b></span></p>
    <${SliderPane} trend=${trend} cursor=${index} onCursor=${moveTo} size="second" series="second" most=${3} also=${said(main.trend, index)} />
    <p class="small">${entry.problem ? words.trends.loaded(age(entry.at, now.value).text) : words.trends.same}</p>`;
}

export function WeekdaySection({ shown }) {
  const { answer, metric } = shown.main;
  if (!answer) return null;
  return html`<${Section} title=${words.trends.weekday} note=${words.trends.weekdayNote}><${Weekday} metric=${metric} points=${answer.series.slice(-90)} /><//>`;
}

export function TableSection({ shown, range }) {
  const [which, setWhich] = useState(null);
  const [isAll, setAll] = useState(false);
  const options = [shown.main, shown.other].filter((one) => one?.trend);
  if (!options.length) return null;
  const { trend, metric } = options.find((one) => one.metric === which) ?? options[0];
  const download = () => save(`${metric}-${trend.days[0]}-${trend.days.at(-1)}.csv`, csv(metric, trend.points), "text/csv");
  const more = !isWide.value && trend.days.length > FIRST_ROWS;
  return html`<section class="section" aria-labelledby="trend-table-title">
    <div class="section-head"><h2 id="trend-table-title" tabindex="-1">${words.trends.table}</h2>
      <div class="section-note"><button type="button" class="link" onClick=${download}>${words.trends.csv}</button></div></div>
    ${options.length > 1 && html`<${Choice} look="segments small-segments" label=${words.trends.tableOf} value=${metric} onChoose=${setWhich} options=${options.map((one) => [one.metric, label(one.metric)])} />`}
    <p class="small">${words.trends.tableNote}</p>
    <div class=${`table-place${range > LONG ? " long" : ""}`} tabindex=${range > LONG && isWide.value ? "0" : null} role=${range > LONG && isWide.value ? "region" : null} aria-label=${range > LONG && isWide.value ? words.trends.tableSaid(title(metric), trend.days.length) : null}>
      <div class="table-scroll"><${TrendTable} trend=${trend} isAll=${isAll} /></div></div>
    ${more && html`<button type="button" class="button plain wide" aria-expanded=${isAll ? "true" : "false"} onClick=${() => setAll(!isAll)}>${isAll ? words.trends.fewer : words.trends.all(trend.days.length)}</button>`}
  </section>`;
}

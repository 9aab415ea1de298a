// The three headlines: recovery as the hero, sleep and strain as cards.
import { clock, clockRange, duration, number } from "../format.js";
import { html } from "../html.js";
import { band, figure, judged, shown, usualShown } from "../judge.js";
import { againstNeed, isToday, morning, recoveryState, scoreState } from "../reading.js";
import { isOffline } from "../state/days.js";
import { to } from "../state/router.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";
import { Rail } from "./rail.js";
import { Sparkline } from "./sparkline.js";

const w = words.today;
const SHAPES = { high: "M6 1.5 11 10H1Z", mid: "M1 4.5h10v3.5H1Z", low: "M1 2h10L6 10.5Z" };

/** ▲ High, ▬ Moderate, ▼ Low; a clock for what is not yet scored. */
function Chip({ state, score }) {
  const name = band(score);
  if (state === "calibrating") return html`<p class="chip">${w.calibrating}</p>`;
  if (name) return html`<p class=${`chip ${name}`}><svg width=".75rem" height=".75rem" viewBox="0 0 12 12" aria-hidden="true"><path d=${SHAPES[name]} /></svg>${words.bands[name]}</p>`;
  if (state === "pending" || state === "waiting") return html`<p class="chip"><${Icon} name="clock" size=${18} />${w.notYet}</p>`;
  return html`<p class="chip">${state === "unscorable" ? w.notScorable : w.noRecovery}</p>`;
}

/** The sentence that a screen reader gets for recovery. */
export function recoverySaid(answer) {
  const score = answer.day?.recovery?.score ?? null;
  const range = usualShown("recovery_score_percent", answer.usual?.recovery_score_percent);
  if (score === null) return morning(answer).bold;
  const word = judged("recovery_score_percent", score, answer.usual?.recovery_score_percent);
  const rest = range ? w.saidWithin(word, range.low, range.high) : "";
  return w.said(figure("recovery_score_percent", score), answer.day.recovery.is_calibrating ? w.calibrating : words.bands[band(score)], rest);
}

export function Hero({ answer, isKept, isWide }) {
  const metric = "recovery_score_percent";
  const state = recoveryState(answer);
  const score = answer.day?.recovery?.score ?? null;
  const { bold, rest } = morning(answer, { isKept, isServer: isKept && !isOffline.value });
  return html`<section class=${`card hero${state === "calibrating" ? " neutral" : ""}`} aria-labelledby="h-recovery">
    <div class="hero-top"><h2 id="h-recovery">${w.recovery}</h2><${Chip} state=${state} score=${score} /></div>
    <p class="num num-xl" key=${score}>${score === null ? html`<span class="dash">${words.none}</span>` : html`${figure(metric, score)}<span class="unit">%</span>`}</p>
    <${Rail} metric=${metric} value=${score} usual=${answer.usual?.[metric]} sentence=${recoverySaid(answer)} />
    <p class="sentence"><b>${bold}</b> ${rest}</p>
    ${isWide && html`<${History} label=${w.last14Days} metric=${metric} answer=${answer} />`}
  </section>`;
}

const History = ({ label, metric, answer, isOpen }) => html`<div class="card-history"><p class="caption">${label}</p>
  <${Sparkline} series=${answer.recent?.[metric]} usual=${answer.usual?.[metric]} isOpen=${isOpen} /></div>`;

/** The word below a headline's number: `{text, word}`. */
function judgedWord(metric, value, usual) {
  const word = judged(metric, value, usual);
  return word ? { text: words.judged[word], word } : { text: words.usual.none, word: "none" };
}

const STATES = { pending: w.notYet, waiting: w.notYet, unscorable: w.notScorable };

export function SleepCard({ answer, isWide, href }) {
  const metric = "sleep_performance_percent";
  const { sleep } = answer.day;
  const value = sleep?.performance_percent ?? null;
  const state = scoreState(sleep ?? null, value, isToday(answer));
  const need = againstNeed(sleep);
  const said = state === "scored" ? judgedWord(metric, value, answer.usual?.[metric]) : { text: STATES[state] ?? w.noNight, word: "none" };
  const caption = need ? w.ofNeed(duration(need.asleep), duration(need.need))
    : sleep?.asleep_s ? w.asleep(duration(sleep.asleep_s)) : sleep?.in_bed_s ? w.inBed(duration(sleep.in_bed_s)) : "";
  return html`<${Card} label=${w.sleep} href=${href} metric=${metric} value=${value} unit="%" said=${said} answer=${answer} caption=${caption}
    name=${state === "scored" ? words.headline.sleep(figure(metric, value), railRest(metric, answer, said)) : words.headline.none(w.sleep, said.text)}
    history=${isWide && w.last14Nights} />`;
}

export function StrainCard({ answer, isWide, isKept, at }) {
  const metric = "strain";
  const { cycle } = answer.day;
  const value = cycle?.strain ?? null;
  const isOpen = Boolean(cycle?.is_open);
  const state = scoreState(cycle ?? null, value, isToday(answer));
  const hasRange = Boolean(usualShown(metric, answer.usual?.[metric]));
  const soFar = isKept && at ? w.soFarAt(clock(at, cycle?.utc_offset_min ?? answer.day.sleep?.utc_offset_min ?? 0)) : w.soFar;
  const said = state !== "scored" ? { text: STATES[state] ?? w.noCycle, word: "none" }
    : isOpen ? { text: soFar, word: "within" } : judgedWord(metric, value, answer.usual?.[metric]);
  const caption = isOpen ? (hasRange ? words.usual.byEnd : words.usual.open) : cycle?.end_at ? cycleTimes(cycle, answer) : "";
  return html`<${Card} label=${w.strain} href=${to("trends", { metric: "strain" })} metric=${metric} value=${value} unit=${w.of21} said=${said} answer=${answer}
    caption=${caption} isOpen=${isOpen} history=${isWide && w.last14Days}
    name=${state === "scored" ? words.headline.strain(figure(metric, value), railRest(metric, answer, said)) : words.headline.none(w.strain, said.text)} />`;
}

const cycleTimes = (cycle, answer) => {
  const offset = cycle.utc_offset_min ?? answer.day.sleep?.utc_offset_min;
  return offset === undefined || offset === null ? "" : clockRange(cycle.start_at, cycle.end_at, offset);
};

function railRest(metric, answer, said) {
  const range = usualShown(metric, answer.usual?.[metric]);
  return `, ${said.text.toLowerCase()}${range ? words.rail.range(number(range.low, metric === "strain" ? 1 : 0), number(range.high, metric === "strain" ? 1 : 0)) : ""}`;
}

function Card({ label, href, metric, value, unit, said, answer, caption, isOpen, name, history }) {
  return html`<a class="card headline" href=${href} aria-label=${name}>
    <h2 class="headline-label">${label}</h2>
    <p class="num num-m" key=${shown(metric, value)}>${value === null ? html`<span class="dash">${words.none}</span>` : html`${figure(metric, value)}<span class="unit">${unit}</span>`}</p>
    <p class=${`word ${said.word}`}>${said.word === "above" && html`<span class="arrow">↑</span> `}${said.word === "below" && html`<span class="arrow">↓</span> `}${said.text}</p>
    <${Rail} metric=${metric} value=${value} usual=${answer.usual?.[metric]} isOpen=${isOpen} sentence=${name} />
    <p class="caption">${caption}</p>
    ${history && html`<${History} label=${history} metric=${metric} answer=${answer} isOpen=${isOpen} />`}
  </a>`;
}

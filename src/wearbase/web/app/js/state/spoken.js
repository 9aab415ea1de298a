// What a screen reader is told when numbers change in place: at most one sentence about recovery per visit. Pure but for that.
import { rounded } from "../format.js";
import { band } from "../judge.js";
import { words } from "../words.js";

let hasToldRecovery = false;

/** The sentence for what changed between two answers about today; empty for nothing worth saying. */
export function judgeScored(before, after) {
  const was = before?.day?.recovery?.score ?? null;
  const is = after?.day?.recovery?.score ?? null;
  if (was !== null || is === null || hasToldRecovery || before?.date !== after?.date) return "";
  hasToldRecovery = true;
  return words.today.announced(rounded(is), words.bands[band(is)]);
}

// Erasing everything, and the receipt of it, which only this page still knows.
import { api } from "../api.js";
import { signal } from "../html.js";
import { wipe } from "./kept.js";
import { go, to } from "./router.js";
import { session, tellTabs, userId } from "./session.js";

/** `{days, records, at, revoked, remains}` once everything is erased. */
export const receipt = signal(null);

/** On the server, then on this phone. Throws Problem: then nothing was erased. */
export async function eraseEverything() {
  const answer = await api.erase(userId.value);
  await wipe();
  tellTabs(null);
  receipt.value = answer;
  session.value = { isOut: true, why: null };
  go(to("sign-in"), { replace: true });
}

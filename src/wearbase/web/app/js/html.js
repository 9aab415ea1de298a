// The one door to the vendored library: every other module imports from here.
import { h, htm } from "../vendor/ui.js";

export {
  batch, computed, effect, Fragment, render, signal, untracked, useCallback, useComputed, useEffect, useId, useLayoutEffect,
  useMemo, useRef, useSignal, useSignalEffect, useState,
} from "../vendor/ui.js";
export const html = htm.bind(h);

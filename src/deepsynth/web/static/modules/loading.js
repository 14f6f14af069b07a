/** Fetching inside a component: the value, the error, and a way to ask again. */
import { useCallback, useEffect, useRef, useState } from "../vendor/ui.js";
import { gaps } from "./store.js";

/**
 * @template V
 * @typedef {{value: V | null, error: unknown, busy: boolean, again: () => void, set: (value: V) => void}} Loaded
 */

/**
 * Fetches when `keys` change and after each gap in the event stream. The old value stays while the new one is on its way,
 * unless the keys changed; an answer that comes too late is dropped.
 *
 * @template V
 * @param {() => Promise<V>} fetcher
 * @param {readonly unknown[]} keys
 * @returns {Loaded<V>}
 */
export function useLoaded(fetcher, keys) {
  const [state, setState] = useState(
    /** @type {{value: V | null, error: unknown, busy: boolean}} */ ({ value: null, error: null, busy: true }),
  );
  const [round, setRound] = useState(0);
  const known = useRef("");
  const key = JSON.stringify(keys);
  const gap = gaps.value;
  useEffect(() => {
    let late = false;
    const changed = known.current !== key;
    known.current = key;
    setState((old) => ({ value: changed ? null : old.value, error: null, busy: true }));
    fetcher().then(
      (value) => late || setState({ value, error: null, busy: false }),
      (error) => late || setState((old) => ({ value: old.value, error, busy: false })),
    );
    return () => {
      late = true;
    };
  }, [key, round, gap]);
  const again = useCallback(() => setRound((count) => count + 1), []);
  const set = useCallback((/** @type {V} */ value) => setState({ value, error: null, busy: false }), []);
  return { ...state, again, set };
}

/** Calls `tick` every so many milliseconds while the component is shown and the tab is visible. @param {() => void} tick @param {number} every */
export function useInterval(tick, every) {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), every);
    return () => clearInterval(timer);
  }, [every]);
}

// Walks each person's events from its anchors and counts the transitions. Pure: events in, counts out.
import type { PersonEvents } from "./person-lists.ts";
import type { TransitionCounts } from "./transition-counts.ts";

export interface WalkOptions {
  readonly direction: "next" | "previous";
  readonly occurrence: "first" | "every";
  readonly steps: number;
  readonly collapseRepeats: boolean;
  readonly withinMs: number | undefined;
  /** By number of the name: 1 when an event of it may be an anchor, or a step. */
  readonly anchorNames: Uint8Array;
  readonly stepNames: Uint8Array;
}

const nowhere = -1;

/** Each event is visited a fixed number of times, so a person with a million events costs a million steps. */
export function createWalk(options: WalkOptions, counts: TransitionCounts): (events: PersonEvents) => void {
  const { direction, occurrence, steps, collapseRepeats, anchorNames, stepNames } = options;
  const withinMs = options.withinMs ?? Number.MAX_SAFE_INTEGER;
  const forward = direction === "next";
  // The nearest step further on, and the nearest one with another name.
  let nearest = new Int32Array(1024);
  let nearestOther = new Int32Array(1024);

  function link({ count, names }: PersonEvents): void {
    if (count > nearest.length) {
      nearest = new Int32Array(count * 2);
      nearestOther = new Int32Array(count * 2);
    }
    let step = nowhere;
    for (let done = 0; done < count; done += 1) {
      const at = forward ? count - 1 - done : done;
      nearest[at] = step;
      if (stepNames[names[at] as number] !== 1) continue;
      const same = step !== nowhere && names[step] === names[at];
      nearestOther[at] = same ? (nearestOther[step] as number) : step;
      step = at;
    }
  }

  function walkFrom(anchor: number, { ms, names }: PersonEvents): void {
    const start = ms[anchor] as number;
    let from = names[anchor] as number;
    let at = nearest[anchor] as number;
    for (let step = 0; step < steps; step += 1) {
      if (collapseRepeats && at !== nowhere && names[at] === from) at = nearestOther[at] as number;
      if (at === nowhere || Math.abs((ms[at] as number) - start) > withinMs) {
        counts.addEnd(step, from);
        return;
      }
      const to = names[at] as number;
      counts.add(step, from, to);
      from = to;
      at = nearest[at] as number;
    }
  }

  return (events) => {
    const { count, names, anchors } = events;
    let linked = false;
    for (let at = 0; at < count; at += 1) {
      if (anchors[at] !== 1 || anchorNames[names[at] as number] !== 1) continue;
      if (!linked) link(events);
      linked = true;
      walkFrom(at, events);
      if (occurrence === "first") return;
    }
  };
}

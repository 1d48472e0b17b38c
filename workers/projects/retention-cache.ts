// How long each project's raw events are kept, read again every few seconds.
import type { Logger } from "#ops/runtime/log.ts";
import type { ProjectStore } from "./project-store.ts";

const refreshMs = 10_000;

export class RetentionCache {
  #days: [projectId: number, days: number][] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(store: ProjectStore, log: Logger) {
    const refresh = async (): Promise<void> => {
      try {
        this.#days = await store.retentionDays();
      } catch (error) {
        log.warn({ err: error }, "retention policies could not be read, keeping the last ones");
      }
    };
    void refresh();
    this.#timer = setInterval(() => void refresh(), refreshMs);
  }

  get days(): [projectId: number, days: number][] {
    return this.#days;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

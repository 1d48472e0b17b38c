// Which projects an admin key manages: that of the project `default` all of them, any other only its own.
import { MillraceError } from "#schemas/errors.ts";
import type { Call } from "#streams/services.ts";
import { defaultProject, type ProjectStore } from "./project-store.ts";

export class Reach {
  readonly #store: ProjectStore;

  constructor(store: ProjectStore) {
    this.#store = store;
  }

  /** The only project of the caller; null: all. */
  async only(call: Call): Promise<number | null> {
    return call.projectId === (await this.#store.findId(defaultProject)) ? null : call.projectId;
  }

  /** Internal id of the project with this public one. Throws PROJECT_NOT_FOUND, also when it is somebody else's. */
  async project(publicId: string, call: Call): Promise<number> {
    const [only, projectId] = await Promise.all([this.only(call), this.#store.findId(publicId)]);
    if (projectId === undefined || (only !== null && only !== projectId)) {
      throw new MillraceError("PROJECT_NOT_FOUND");
    }
    return projectId;
  }

  /** As `project`, for the `id` of an address with a body beside it. */
  named(call: Call): Promise<number> {
    return this.project(String(call.parameters["id"] ?? ""), call);
  }
}

// The service `dimensions`: chooses, shows and gives up the properties whose values a project wants kept, and takes
// what queries lacked.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { compileBody, invalidBody } from "#schemas/operations/read-body.ts";
import type { DemandNotes } from "#schemas/selectors/demand.ts";
import { DimensionsShape, type Dimensions } from "#schemas/selectors/dimensions.ts";
import { serve } from "#streams/services.ts";
import type { DemandStore } from "./demand-store.ts";
import type { DimensionStore } from "./dimension-store.ts";
import type { Learner } from "./learner.ts";

const readShape = compileBody(DimensionsShape);

/** `onChange`: something else is wanted from now on. */
export function serveDimensions(options: {
  connection: NatsConnection;
  store: DimensionStore;
  demand: DemandStore;
  learner: Learner;
  onChange: () => void;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, demand, learner, onChange, log } = options;
  const find = async (projectId: number): Promise<Dimensions> => ({
    ...(await store.find(projectId)),
    learned: await demand.list(projectId),
  });
  return serve(connection, {
    service: "dimensions",
    log,
    methods: {
      replace: async (payload, call) => {
        await store.replace(call.projectId, readDimensions(payload));
        onChange();
        return find(call.projectId);
      },
      get: (_payload, call) => find(call.projectId),
      // From query processes only: no operation leads here.
      note: (payload) => learner.note(JSON.parse(new TextDecoder().decode(payload)) as DemandNotes),
      delete: async (_payload, call) => {
        await store.replace(call.projectId, { properties: [] });
        onChange();
        return { deleted: true };
      },
    },
  });
}

/** Throws MALFORMED_JSON, INVALID_ENCODING, or INVALID_BODY that names the field. */
export function readDimensions(payload: Uint8Array): DimensionsShape {
  const shape = readShape(payload);
  const names = shape.properties.map(({ property }) => property);
  const repeated = names.findIndex((name, index) => names.indexOf(name) < index);
  if (repeated >= 0) {
    throw invalidBody([{ path: `properties[${repeated}].property`, message: "is there twice" }]);
  }
  return shape;
}

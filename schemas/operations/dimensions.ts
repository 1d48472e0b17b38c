// What a project wants kept pre-aggregated beside its saved insights.
import { Dimensions, DimensionsShape } from "../selectors/dimensions.ts";
import { adminMsMax, anyObject, json, type Operation } from "./operation.ts";

const path = "/v1/dimensions";

export const dimensionsOperations: readonly Operation[] = [
  {
    method: "PUT",
    path,
    service: { subject: "svc.dimensions.replace", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Choose properties whose values are kept pre-aggregated",
    description:
      "Replaces what was chosen before. Closed days are computed in the background, the newest first; answers are the " +
      "same before, meanwhile and after, only faster.",
    body: { [json]: DimensionsShape },
    success: { status: 200, description: "What is kept.", content: json, schema: Dimensions },
    errors: ["MALFORMED_JSON", "INVALID_ENCODING", "INVALID_BODY", "CONFLICT"],
  },
  {
    method: "GET",
    path,
    service: { subject: "svc.dimensions.get", msMax: adminMsMax },
    scope: ["read", "admin"],
    tag: "Administration",
    summary: "Properties whose values are kept, and how far",
    success: { status: 200, description: "What is kept.", content: json, schema: Dimensions },
    errors: [],
  },
  {
    method: "DELETE",
    path,
    service: { subject: "svc.dimensions.delete", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Keep nothing beside what saved insights need",
    success: { status: 200, description: "Nothing is chosen any more.", content: json, schema: anyObject },
    errors: [],
  },
];

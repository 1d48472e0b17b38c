// What exists in a project: for autocompletion.
import {
  EventNamesAnswer,
  EventNamesParameters,
  PropertiesAnswer,
  PropertiesParameters,
  PropertyValuesAnswer,
  PropertyValuesParameters,
} from "../query/catalogue.ts";
import { inQuery, json, queryMsMax, type Operation } from "./operation.ts";

export const catalogueOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/v1/events/names",
    service: { subject: "svc.query.event_names", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "Names of events, the most frequent first",
    description: "Exact, from counts and sets of users that are kept as events arrive.",
    parameters: inQuery(EventNamesParameters),
    success: { status: 200, description: "One page.", content: json, schema: EventNamesAnswer },
    errors: ["INVALID_PARAMETER", "QUERY_TOO_EXPENSIVE"],
  },
  {
    method: "GET",
    path: "/v1/properties",
    service: { subject: "svc.query.properties", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "Properties of events and of users, with types, counts and examples",
    description:
      "Large ranges are answered from the newest events of each name; `meta.exact` is false then. The range and " +
      "`event` do not apply to properties of users: they are what persons have now.",
    parameters: inQuery(PropertiesParameters),
    success: { status: 200, description: "One page.", content: json, schema: PropertiesAnswer },
    errors: ["INVALID_PARAMETER", "QUERY_TOO_EXPENSIVE"],
  },
  {
    method: "GET",
    path: "/v1/properties/values",
    service: { subject: "svc.query.property_values", msMax: queryMsMax },
    scope: "read",
    tag: "Queries",
    summary: "Values of one property, the most frequent first",
    parameters: inQuery(PropertyValuesParameters),
    success: { status: 200, description: "One page.", content: json, schema: PropertyValuesAnswer },
    errors: ["INVALID_PARAMETER", "QUERY_TOO_EXPENSIVE"],
  },
];

// Users: who they are, joining their ids, separating them again.
import { erasureContract } from "../erasure/erasure.ts";
import { mergeContract, personIdsContract, profileContract, unmergeContract } from "../users/user.ts";
import { adminMsMax, inPath, json, type Operation } from "./operation.ts";

const id = inPath("id", "A user id or an anonymous id of the person.");

export const usersOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/v1/users/{id}",
    service: { subject: "svc.users.get", msMax: adminMsMax },
    scope: "admin",
    tag: "Users",
    summary: "What is known of a person: ids, properties, first and last event",
    parameters: [id],
    success: { status: 200, description: "The person.", content: json, schema: profileContract },
    errors: ["USER_NOT_FOUND"],
  },
  {
    method: "DELETE",
    path: "/v1/users/{id}",
    service: { subject: "svc.erasures.create", msMax: adminMsMax },
    scope: "admin",
    tag: "Users",
    summary: "Erase a person",
    description:
      "Everything of the person with this id, under all of its ids: events, profile, joins, and what was made of them. " +
      "It happens in the background, first of all nobody can name the person any more. Ids that come again afterwards " +
      "are new ones. Nothing is missed when the id is not known (yet): events that wait to be stored are erased as well.",
    parameters: [id],
    success: {
      status: 202,
      description: "It is written down, and will be done.",
      content: json,
      schema: erasureContract,
    },
    errors: ["INVALID_PARAMETER"],
  },
  {
    method: "GET",
    path: "/v1/erasures/{erasure_id}",
    service: { subject: "svc.erasures.get", msMax: adminMsMax },
    scope: "admin",
    tag: "Users",
    summary: "How far an erasure is, and its receipt",
    parameters: [inPath("erasure_id", "Id of the erasure.")],
    success: { status: 200, description: "The erasure.", content: json, schema: erasureContract },
    errors: ["ERASURE_NOT_FOUND"],
  },
  {
    method: "POST",
    path: "/v1/users/{id}/merge",
    service: { subject: "svc.users.merge", msMax: adminMsMax },
    scope: "admin",
    tag: "Users",
    summary: "Make ids one person",
    description:
      "The ids become this person, with everything they did before and everything they will do; ids that were not seen " +
      "yet too. Whatever they identified before: this is the explicit merge. Queries that begin after the answer see it.",
    parameters: [id],
    body: { [json]: mergeContract },
    success: { status: 200, description: "The person's ids.", content: json, schema: personIdsContract },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "INVALID_PARAMETER", "CONFLICT"],
  },
  {
    method: "POST",
    path: "/v1/users/{id}/unmerge",
    service: { subject: "svc.users.unmerge", msMax: adminMsMax },
    scope: "admin",
    tag: "Users",
    summary: "Separate ids of a person",
    description:
      "Each of the ids becomes a person of its own again, with what had been joined to it before; without `ids`, all " +
      "ids of the person do. Ids that belong to another person are left as they are. Past events go back with their ids.",
    parameters: [id],
    body: { [json]: unmergeContract },
    success: {
      status: 200,
      description: "The person's remaining ids.",
      content: json,
      schema: personIdsContract,
    },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "USER_NOT_FOUND"],
  },
];

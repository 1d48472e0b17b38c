// Users are cut into parts by their number, so that threads share the work.

export const columnParts = 4;
/** The store keeps users in so many buckets, sorted by them. */
const buckets = 16;
export const bucketsOfPart = buckets / columnParts;

export function partOf(user: number): number {
  return Math.floor((user % buckets) / bucketsOfPart);
}

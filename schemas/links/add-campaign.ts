// Campaign parameters of a link become part of where it leads. Every other byte of the target stays as it was given.

export const campaignFields = ["source", "medium", "campaign", "term", "content"] as const;
export type Campaign = { readonly [field in (typeof campaignFields)[number]]?: string };

/** A parameter of the same name that the URL has already is replaced. */
export function addCampaign(url: string, campaign: Campaign | null): string {
  const given = campaignFields.flatMap((field) => {
    const value = campaign?.[field];
    return value === undefined ? [] : [[`utm_${field}`, value] as const];
  });
  if (given.length === 0) return url;
  const hash = url.indexOf("#");
  const [whole, fragment] = hash === -1 ? [url, ""] : [url.slice(0, hash), url.slice(hash)];
  const mark = whole.indexOf("?");
  const [path, query] = mark === -1 ? [whole, ""] : [whole.slice(0, mark), whole.slice(mark + 1)];
  const names = new Set<string>(given.map(([name]) => name));
  const kept = query.split("&").filter((part) => part !== "" && !names.has(part.split("=", 1)[0] as string));
  const added = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${path}?${[...kept, ...added].join("&")}${fragment}`;
}

// A link as the edge follows it.

export type RedirectStatus = 301 | 302 | 307 | 308;

/** What the links service answers for an address. */
export interface ResolvedLink {
  id: number;
  publicId: string;
  projectId: number;
  projectPublicId: string;
  /** Empty: the installation's own addresses. */
  domain: string;
  code: string;
  /** The target, byte for byte as it was given. */
  url: string;
  redirect: RedirectStatus;
  /** True: the query string of a visit goes on to the target. */
  forwardQuery: boolean;
  expiresAtMs: number | null;
  expiredUrl: string | null;
  maxClicks: number | null;
  hasPassword: boolean;
  /** A person's or the page's; strangers' words either way. */
  title: string | null;
  retentionDays: number;
  /** Grows with every change of what stands at the address. */
  version: number;
}

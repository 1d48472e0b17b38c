// The event of a click: made at the edge, counted by the workers, asked for like any other event.

export const linkClickedEvent = "link.clicked";

/** Properties of a click; what is not known is absent. */
export interface LinkClickedProperties {
  /** The link's public id. */
  link_id: string;
  code: string;
  /** Empty for the installation's own address. */
  domain: string;
  /** A program by its user agent, or one that does not say what it is. */
  bot: boolean;
  /** The browser fetched ahead: nobody has clicked yet. */
  preview: boolean;
  referrer_domain?: string;
  /** Primary tag of the preferred language. */
  language?: string;
  country?: string;
  city?: string;
  /** Of the visit's own query string, else of the link's target. */
  utm_source?: string;
  utm_medium?: string;
  utm_campaign?: string;
  utm_term?: string;
  utm_content?: string;
}

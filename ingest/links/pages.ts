// The pages of short links, for browsers: nothing at this address, used up, a preview, a password. No script, nothing
// from elsewhere, and all that comes from people is escaped.
import { hash } from "node:crypto";
import type { Header } from "../server/exchange.ts";

const style =
  "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;" +
  "background:#f6f7f9;color:#1c2330}main{box-sizing:border-box;width:min(34rem,92vw);background:#fff;" +
  "border:1px solid #dfe3ea;border-radius:10px;padding:2rem}h1{font-size:1.3rem;margin:0 0 .6rem}p{margin:.4rem 0}" +
  "code,.target{overflow-wrap:anywhere}input,button{font:inherit;padding:.5rem .7rem;border-radius:6px;" +
  "border:1px solid #a8b0bd}input{width:100%;box-sizing:border-box;margin:.3rem 0 .8rem}button{background:#1c2330;" +
  "color:#fff;border-color:#1c2330;cursor:pointer}.wrong{color:#a61b1b}" +
  "@media(prefers-color-scheme:dark){body{background:#12151b;color:#e6e9ef}main{background:#1b2029;" +
  "border-color:#323947}a{color:#8ab4f8}button{background:#e6e9ef;color:#12151b}.wrong{color:#ff9c9c}}";

/**
 * The style is allowed by its hash, and nothing else. A form may lead anywhere, because browsers hold the redirect
 * after it to the same rule, and the right password leads to the link's target.
 */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${hash("sha256", style, "base64")}'`,
  "form-action 'self' http: https:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const pageType = "text/html; charset=utf-8";

export const pageHeaders: readonly Header[] = [
  ["Cache-Control", "private, no-store"],
  ["Content-Security-Policy", policy],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["X-Robots-Tag", "noindex"],
];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

function buildPage(title: string, body: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><style>${style}</style></head>` +
    `<body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`
  );
}

/** A title and one sentence. */
export function buildNotice(title: string, text: string): string {
  return buildPage(title, `<p>${escapeHtml(text)}</p>`);
}

/** Where a link leads; `url` undefined when that is not shown, and then nothing of the page is. */
export function buildPreview(options: {
  code: string;
  url: string | undefined;
  title: string | null;
  notes: string[];
}): string {
  const { code, url, title, notes } = options;
  const name = url === undefined || title === null ? "" : `<p><strong>${escapeHtml(title)}</strong></p>`;
  const target =
    url === undefined
      ? "<p>Its target is shown after the password.</p>"
      : `${name}<p>It leads to</p><p class="target"><a href="${escapeHtml(url)}" rel="noreferrer noopener nofollow">${escapeHtml(url)}</a></p>`;
  const list = notes.map((note) => `<p>${escapeHtml(note)}</p>`).join("");
  return buildPage(`Preview of ${code}`, target + list);
}

/** The form goes to the address it stands at. */
export function buildPasswordForm(problem: string | undefined): string {
  const wrong = problem === undefined ? "" : `<p class="wrong" role="alert">${escapeHtml(problem)}</p>`;
  return buildPage(
    "This link is protected",
    `${wrong}<form method="post"><label>Password<input type="password" name="password" required autofocus ` +
      `autocomplete="current-password" maxlength="1000"></label><button>Continue</button></form>`,
  );
}

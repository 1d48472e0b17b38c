// Two weeks of a small shop: visits in daily and weekly rhythm, some of which end in an order. Pure: the same
// options give the same events.

export interface ShopEvent {
  event: "page_viewed" | "item_added" | "order_placed";
  user_id: string;
  event_id: string;
  timestamp: string;
  properties: Record<string, string | number | boolean>;
}

const days = 14;
const dayMs = 24 * 3600 * 1000;
const countries = ["NL", "DE", "FR", "GB", "US", "BE", "CZ", "ES"];
const pages = ["/", "/sale", "/mugs", "/lamps", "/cards", "/garden", "/about"];
const sources = ["", "", "newsletter", "search", "social"];
const plans = ["guest", "member", "member", "gold"];

/** Share of a day's visits in each hour, starting at midnight UTC. */
const hourWeights = [1, 1, 0.5, 0.5, 0.5, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 7, 7, 8, 9, 10, 9, 7, 4, 2];

function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A value whose first entries are much commoner than its last. */
function pickSkewed<T>(values: readonly T[], random: number): T {
  return values[Math.floor(random * random * values.length)] as T;
}

function pickHour(random: number): number {
  const total = hourWeights.reduce((sum, weight) => sum + weight, 0);
  let rest = random * total;
  for (const [hour, weight] of hourWeights.entries()) {
    rest -= weight;
    if (rest <= 0) return hour;
  }
  return 23;
}

export function generateShopTraffic(options: { users: number; until: Date }): ShopEvent[] {
  const today = Math.floor(options.until.getTime() / dayMs) * dayMs;
  const events: ShopEvent[] = [];
  for (let user = 0; user < options.users; user += 1) {
    const random = createRandom(user * 7_919 + 17);
    const country = pickSkewed(countries, random());
    const plan = plans[Math.floor(random() * plans.length)] as string;
    const eagerness = random();
    for (let day = 1; day <= days; day += 1) {
      const start = today - day * dayMs;
      const isWeekend = [0, 6].includes(new Date(start).getUTCDay());
      if (random() > eagerness * (isWeekend ? 0.3 : 0.5)) continue;
      let at = start + pickHour(random()) * 3_600_000 + Math.floor(random() * 3_600_000);
      const source = sources[Math.floor(random() * sources.length)] as string;
      let step = 0;
      const push = (event: ShopEvent["event"], properties: ShopEvent["properties"]): void => {
        events.push({
          event,
          user_id: `visitor-${user}`,
          event_id: `demo-${start / dayMs}-${user}-${(step += 1)}`,
          timestamp: new Date(at).toISOString(),
          properties: { country, plan, ...properties },
        });
        at += 5_000 + Math.floor(random() * 90_000);
      };
      const views = 1 + Math.floor(random() * 6);
      for (let view = 0; view < views; view += 1) {
        const page = pickSkewed(pages, random());
        const campaign = source === "" ? "" : `?utm_source=${source}`;
        push("page_viewed", { url: `https://shop.example${page}${view === 0 ? campaign : ""}` });
      }
      if (random() < 0.3) push("item_added", { sku: `sku-${Math.floor(random() ** 2 * 200)}` });
      if (random() < 0.12) {
        push("order_placed", {
          revenue: Math.round((5 + random() ** 3 * 200) * 100) / 100,
          items: 1 + (user % 4),
        });
      }
    }
  }
  return events.sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
}

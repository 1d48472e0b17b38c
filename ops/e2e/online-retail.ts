// The orders of the UCI "Online Retail" data set as events: one order_placed or order_cancelled per invoice.
// The file is not part of the repository; tests that need it are skipped where it is absent.
import { parse } from "csv-parse";
import { createReadStream, existsSync } from "node:fs";
import { resolve } from "node:path";
import { createGunzip } from "node:zlib";

export interface OrderEvent {
  event: "order_placed" | "order_cancelled";
  user_id: string;
  event_id: string;
  timestamp: string;
  properties: { invoice: string; country: string; items: number; revenue: number };
}

export const onlineRetailFile = resolve(
  import.meta.dirname,
  "../../../shared/data/online_retail/online_retail.csv.gz",
);
export const onlineRetailPresent = existsSync(onlineRetailFile);

interface Line {
  InvoiceNo: string;
  Quantity: string;
  InvoiceDate: string;
  UnitPrice: string;
  CustomerID: string;
  Country: string;
}

/** Prices have up to three decimals: summed in thousandths, so that revenue is exact. */
function thousandths(line: Line): number {
  return Math.round(Number(line.UnitPrice) * 1000) * Number(line.Quantity);
}

/** All orders of known customers, in the order of the file; times are taken as UTC. */
export async function readOrders(): Promise<OrderEvent[]> {
  const invoices = new Map<string, { line: Line; items: number; revenue: number; at: string }>();
  const lines = createReadStream(onlineRetailFile)
    .pipe(createGunzip())
    .pipe(parse({ columns: true, bom: true }));
  for await (const line of lines as AsyncIterable<Line>) {
    if (line.CustomerID === "") continue;
    const invoice = invoices.get(line.InvoiceNo) ?? { line, items: 0, revenue: 0, at: line.InvoiceDate };
    invoice.items += 1;
    invoice.revenue += thousandths(line);
    if (line.InvoiceDate < invoice.at) invoice.at = line.InvoiceDate;
    invoices.set(line.InvoiceNo, invoice);
  }
  return [...invoices].map(([number, { line, items, revenue, at }]) => ({
    event: number.startsWith("C") ? "order_cancelled" : "order_placed",
    user_id: line.CustomerID,
    event_id: `invoice-${number}`,
    timestamp: new Date(`${at.replace(" ", "T")}Z`).toISOString(),
    properties: { invoice: number, country: line.Country, items, revenue: revenue / 1000 },
  }));
}

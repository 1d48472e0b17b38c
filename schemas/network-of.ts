// What limits by address are counted by. Whoever has one IPv6 address has 2^64 of them: a provider gives at least that
// many to each customer, so the first half of the address stands for the sender, as a whole IPv4 address does.

const groupsKept = 4;
const groupsOfAddress = 8;

/** Of an address in canonical text (lower case, longest zeros as `::`); what is no IPv6 address is answered as it is. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [before = "", after] = address.split("::", 2);
  const head = before === "" ? [] : before.split(":");
  if (after !== undefined) {
    const tail = after === "" ? [] : after.split(":");
    // The last 32 bits may be written as IPv4.
    const groups = head.length + tail.length + (after.includes(".") ? 1 : 0);
    for (let zeros = groups; zeros < groupsOfAddress; zeros += 1) head.push("0");
    head.push(...tail);
  }
  return `${head.slice(0, groupsKept).join(":")}::/64`;
}

// What was made of a text that visitors send again and again (a user agent, a referrer), by that text.

/** Longer texts are made anew each time, so that `max` bounds the memory too. */
const lengthMax = 1_024;

/** `make`, with its last answers; forgotten all at once when there are `max`, because an order costs at every hit. */
export function remember<Made>(max: number, make: (text: string) => Made): (text: string) => Made {
  const known = new Map<string, Made>();
  return (text) => {
    const existing = known.get(text);
    if (existing !== undefined) return existing;
    const made = make(text);
    if (text.length > lengthMax) return made;
    if (known.size >= max) known.clear();
    known.set(text, made);
    return made;
  };
}

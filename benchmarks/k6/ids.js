// Random ids, good enough for load: k6's own crypto costs more than the request.
const hex = "0123456789abcdef";

export function uuidv4() {
  let id = "";
  for (let index = 0; index < 36; index += 1) {
    if (index === 8 || index === 13 || index === 18 || index === 23) id += "-";
    else if (index === 14) id += "4";
    else id += hex[Math.floor(Math.random() * 16)];
  }
  return id;
}

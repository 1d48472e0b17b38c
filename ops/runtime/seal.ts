// Secrets of others, as they lie in the relational store: sealed with a key that is not there, so that a copy of the
// database does not tell them. What was stored before there was a key is plain, and read as it is.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const prefix = "sealed:1:";
const nonceBytes = 12;
const tagBytes = 16;

export interface Seal {
  /** `owner` is part of the seal: the text opens nowhere else. */
  close(text: string, owner: string): string;
  /** Undefined when it was sealed with another key, or for somebody else. */
  open(text: string, owner: string): string | undefined;
}

/** Without a key, texts stay as they are. */
export function createSeal(secretsKey: string | undefined): Seal {
  const key =
    secretsKey === undefined
      ? undefined
      : Buffer.from(hkdfSync("sha256", secretsKey, "millrace", "secrets in the relational store", 32));
  return {
    close(text, owner) {
      if (key === undefined) return text;
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(owner));
      const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return prefix + sealed.toString("base64url");
    },
    open(text, owner) {
      if (!text.startsWith(prefix)) return text;
      if (key === undefined) return undefined;
      const sealed = Buffer.from(text.slice(prefix.length), "base64url");
      if (sealed.length < nonceBytes + tagBytes) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
        .setAAD(Buffer.from(owner))
        .setAuthTag(sealed.subarray(-tagBytes));
      try {
        const opened = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
        return Buffer.concat([opened, decipher.final()]).toString("utf8");
      } catch {
        return undefined;
      }
    },
  };
}

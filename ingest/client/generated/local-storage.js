// Generated from ingest/client/local-storage.ts by npm run docs.
/** Writing is put off so long: a page that tracks a lot does not write for each event. */
const writeEveryMs = 250;
const beatEveryMs = 2_000;
/** A page that has not been heard of for so long is gone; timers of hidden pages run once a minute. */
const goneAfterMs = 70_000;
export class LocalStorage {
    #storage;
    #prefix;
    #listName;
    #beatName;
    #now;
    #events = [];
    #added = [];
    #timer;
    #beat;
    /** Clients with another `scope` (another platform, another key) see nothing of each other. */
    constructor(options) {
        this.#storage = options.storage;
        this.#now = options.now ?? Date.now;
        this.#prefix = `millrace:${shortHash(options.scope)}:`;
        this.#listName = `${this.#prefix}events:${options.page}`;
        this.#beatName = `${this.#prefix}alive:${options.page}`;
        this.#beat = setInterval(() => this.#sayAlive(), beatEveryMs);
        this.#beat.unref?.();
    }
    load() {
        const found = [];
        this.#attempt(() => {
            const names = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
            for (const name of names) {
                if (name === null || !name.startsWith(`${this.#prefix}events:`) || name === this.#listName)
                    continue;
                const beatName = name.replace(":events:", ":alive:");
                if (Number(this.#storage.getItem(beatName)) > this.#now() - goneAfterMs)
                    continue;
                found.push(...readList(this.#storage.getItem(name)));
                this.#storage.removeItem(name);
                this.#storage.removeItem(beatName);
            }
        });
        this.#events = found;
        this.write();
        return found;
    }
    add(event) {
        this.#added.push(event);
        this.#timer ??= setTimeout(() => this.write(), writeEveryMs);
    }
    keep(events) {
        this.#events = events();
        this.#added = [];
        this.#timer ??= setTimeout(() => this.write(), writeEveryMs);
    }
    /** Now: the page may be gone in a moment. */
    write() {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#events = [...this.#events, ...this.#added];
        this.#added = [];
        this.#attempt(() => {
            if (this.#events.length === 0) {
                this.#storage.removeItem(this.#listName);
                this.#storage.removeItem(this.#beatName);
            }
            else {
                this.#storage.setItem(this.#listName, JSON.stringify(this.#events));
                this.#sayAlive();
            }
        });
    }
    readWord(name) {
        return this.#attempt(() => this.#storage.getItem(this.#prefix + name)) ?? undefined;
    }
    writeWord(name, value) {
        this.#attempt(() => {
            if (value === undefined)
                this.#storage.removeItem(this.#prefix + name);
            else
                this.#storage.setItem(this.#prefix + name, value);
        });
    }
    close() {
        this.write();
        clearInterval(this.#beat);
        // Whoever starts next takes over at once.
        this.#attempt(() => this.#storage.removeItem(this.#beatName));
    }
    #sayAlive() {
        if (this.#events.length === 0)
            return;
        this.#attempt(() => this.#storage.setItem(this.#beatName, String(this.#now())));
    }
    /** Storage that is full or forbidden keeps less; it stops nothing. */
    #attempt(action) {
        try {
            return action();
        }
        catch {
            return undefined;
        }
    }
}
/** Short, and not the key itself (FNV-1a). */
function shortHash(text) {
    let hash = 0x811c9dc5;
    for (const character of text) {
        hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
    }
    return hash.toString(36);
}
function readList(text) {
    try {
        const list = JSON.parse(text ?? "[]");
        return Array.isArray(list) ? list.filter((event) => typeof event === "string") : [];
    }
    catch {
        return [];
    }
}

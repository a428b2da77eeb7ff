// Server-sent events out of pieces of text, wherever the pieces are cut. Pure.

export interface ServerEvent {
  event: string;
  data: string;
}

/** A snapshot of 100,000 runs is some 10 MB; what is larger than this is not ours. */
const LONGEST = 128 * 1024 * 1024;

/** Reads the stream's text. Give it what arrives; it gives whole events. */
export class EventParser {
  #pieces: string[] = [];
  #length = 0;
  #event = "message";
  #data: string[] = [];
  #afterReturn = false;

  /** Throws when a line or an event is longer than any server of ours would send. */
  push(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    let at = 0;
    // A line end cut in two: the second half alone is no empty line.
    if (this.#afterReturn && text.startsWith("\n")) at = 1;
    if (text !== "") this.#afterReturn = false;
    while (at < text.length) {
      const end = lineEnd(text, at);
      if (end < 0) {
        this.#keep(text.slice(at));
        break;
      }
      this.#keep(text.slice(at, end));
      const line = this.#pieces.join("");
      this.#pieces = [];
      this.#line(line, found);
      at = end + 1;
      if (text[end] === "\r") {
        if (text[at] === "\n") at += 1;
        else if (at === text.length) this.#afterReturn = true;
      }
    }
    return found;
  }

  #keep(piece: string): void {
    this.#length += piece.length;
    if (this.#length > LONGEST) throw new Error("The server sent an event that is far too long.");
    this.#pieces.push(piece);
  }

  #line(line: string, found: ServerEvent[]): void {
    if (line === "") {
      if (this.#data.length > 0) found.push({ event: this.#event, data: this.#data.join("\n") });
      this.#event = "message";
      this.#data = [];
      this.#length = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      // A comment: it only shows that the server is there.
      this.#length -= line.length;
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
  }
}

function lineEnd(text: string, from: number): number {
  const feed = text.indexOf("\n", from);
  const carriage = text.indexOf("\r", from);
  if (feed < 0) return carriage;
  return carriage < 0 ? feed : Math.min(feed, carriage);
}

import { beforeEach, expect, test, vi } from "vitest";
import { Problem } from "../src/lib/errors";
import { Outbox } from "../src/lib/outbox.svelte";

class Shelf {
  #kept = new Map<string, string>();
  getItem(key: string): string | null {
    return this.#kept.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.#kept.set(key, value);
  }
}

let shelf: Shelf;
beforeEach(() => {
  shelf = new Shelf();
  vi.useFakeTimers();
});

const away = () => Promise.reject(new Problem(0));

test("what the server does not take is there after a reload, and goes out later", async () => {
  const box = new Outbox(shelf, away);
  box.open("ada");
  expect((await box.send("PUT", "/days/mood/2026-11-21", { value: 7 }, "Mood")).fate).toBe("kept");

  const sent: unknown[] = [];
  const later = new Outbox(shelf, (method, path, options) => {
    sent.push([method, path, options?.body]);
    return Promise.resolve({} as never);
  });
  later.open("ada");
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toEqual([["PUT", "/days/mood/2026-11-21", { value: 7 }]]);
  expect(later.items).toEqual([]);
});

test("another account's entries stay where they are", async () => {
  const box = new Outbox(shelf, away);
  box.open("ada");
  await box.send("PUT", "/days/mood/2026-11-21", { value: 7 }, "Mood");
  const other = new Outbox(shelf, away);
  other.open("grace");
  expect(other.waiting).toBe(0);
});

test("a newer value of the same day takes the place of the one that waits", async () => {
  const box = new Outbox(shelf, away);
  box.open("ada");
  await box.send("PUT", "/days/mood/2026-11-21", { value: 7 }, "Mood");
  await box.send("PUT", "/days/mood/2026-11-21", { value: 3 }, "Mood");
  await box.send("POST", "/events", { content: "a" }, "Note");
  await box.send("POST", "/events", { content: "b" }, "Note");
  expect(box.items.map((item) => item.body)).toEqual([{ value: 3 }, { content: "a" }, { content: "b" }]);
});

test("a repeated POST carries the same key", async () => {
  const seen: (string | undefined)[] = [];
  let answers = 0;
  const box = new Outbox(shelf, (_method, _path, options) => {
    seen.push(options?.headers?.["Idempotency-Key"]);
    answers += 1;
    return answers === 1 ? away() : Promise.resolve({} as never);
  });
  box.open("ada");
  await box.send("POST", "/events", {}, "Note");
  await vi.runAllTimersAsync();
  expect(seen).toHaveLength(2);
  expect(seen[0]).toBe(seen[1]);
  expect(seen[0]).toBeTruthy();
});

test("what the server refuses at once goes back to the form", async () => {
  const box = new Outbox(shelf, () => Promise.reject(new Problem(400, { detail: "no" })));
  box.open("ada");
  await expect(box.send("POST", "/events", {}, "Note")).rejects.toThrow("No. Correct it");
  expect(box.items).toEqual([]);
});

test("what it refuses later stays, with its words", async () => {
  let first = true;
  const box = new Outbox(shelf, () => {
    const problem = new Problem(first ? 503 : 400, { detail: "too old" });
    first = false;
    return Promise.reject(problem);
  });
  box.open("ada");
  await box.send("POST", "/events", { content: "dear diary" }, "Note");
  await vi.runAllTimersAsync();
  expect(box.refused[0]?.refused).toContain("Too old.");
  expect(box.refused[0]?.body).toEqual({ content: "dear diary" });
});

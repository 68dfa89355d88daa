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

/** A server that answers when told to. */
function slow() {
  const asked: { path: string; body: unknown; answer: () => void; fail: (problem: Problem) => void }[] = [];
  const send = (_method: string, path: string, options?: { body?: unknown }) =>
    new Promise<never>((resolve, reject) =>
      asked.push({ path, body: options?.body, answer: () => resolve({} as never), fail: reject }),
    );
  return { asked, send };
}

test("choices made in quick succession reach the server in their order", async () => {
  const { asked, send } = slow();
  const box = new Outbox(shelf, send);
  box.open("ada");
  const sent = [1, 2, 3].map((n) => box.send("PATCH", "/account", n, "Your choices"));
  void box.send("PATCH", "/events/e1", "elsewhere", "Note");
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map((one) => one.body)).toEqual([1, "elsewhere"]);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map((one) => one.body)).toEqual([1, "elsewhere", 2]);
  asked[2]?.answer();
  await vi.advanceTimersByTimeAsync(1);
  asked[3]?.answer();
  expect((await Promise.all(sent)).map((one) => one.fate)).toEqual(["sent", "sent", "sent"]);
  expect(box.items.map((item) => item.body)).toEqual(["elsewhere"]);
});

test("a choice does not overtake the one that waits for the server", async () => {
  const { asked, send } = slow();
  const box = new Outbox(shelf, send);
  box.open("ada");
  const first = box.send("PATCH", "/account", 1, "Your choices");
  await vi.advanceTimersByTimeAsync(1);
  asked[0]?.fail(new Problem(0));
  expect((await first).fate).toBe("kept");
  const second = box.send("PATCH", "/account", 2, "Your choices");
  await vi.advanceTimersByTimeAsync(1);
  expect((await second).fate).toBe("kept");
  expect(asked.map((one) => one.body)).toEqual([1, 1]); // the second made it try again
  asked[1]?.answer();
  await vi.advanceTimersByTimeAsync(1);
  asked[2]?.answer();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map((one) => one.body)).toEqual([1, 1, 2]);
  expect(box.items).toEqual([]);
});

test("what is on its way is not sent a second time when the server comes back", async () => {
  const { asked, send } = slow();
  const box = new Outbox(shelf, send);
  box.open("ada");
  void box.send("POST", "/events", {}, "Note");
  void box.flush();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toHaveLength(1);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(1);
  expect(box.items).toEqual([]);
});

import { expect, test } from "vitest";
import { Problem, problemOf } from "../src/lib/errors";

const STATUSES = [0, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504];

test.each(STATUSES)("status %i is a sentence with a way on", (status) => {
  for (const body of [{}, { detail: "the day is out of range", title: "x" }]) {
    const problem = new Problem(status, body);
    expect(problem.message).toMatch(/^[A-Z].*\.$/);
    expect(problem.message).toMatch(/again|Again|kept|deleted|Ask|Correct|Load|parts|Wait|retry/);
    expect(problem.wayOn).toBeTruthy();
  }
});

test("a problem of the server keeps its code, its field and how long to wait", async () => {
  const body = { type: "urn:diurnal:error:invalid-input", detail: "not a zone", field: "timezone", status: 400 };
  const problem = await problemOf(
    new Response(JSON.stringify(body), { status: 400, headers: { "content-type": "application/problem+json" } }),
  );
  expect([problem.code, problem.field]).toEqual(["invalid-input", "timezone"]);
  expect(problem.message).toBe("Not a zone. Correct it and send it again.");
  const busy = await problemOf(new Response("", { status: 429, headers: { "retry-after": "120" } }));
  expect(busy.message).toBe("Too many requests. Wait 2 minutes, then try again.");
});

test("a proxy's page is no sentence of ours", async () => {
  const problem = await problemOf(
    new Response("<html>", { status: 502, headers: { "content-type": "text/html" } }),
  );
  expect(problem.message).not.toContain("<");
});

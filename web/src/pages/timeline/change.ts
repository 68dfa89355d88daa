/** An event as a form, and what a form changes. */

import { fromLocal, toLocal } from "../../lib/zoned";
import type { Event } from "./data";

export interface Form {
  /** Local date and time, as the event's own clock showed them. */
  when: string;
  /** Minutes; "" for an instant. */
  minutes: string;
  content: string;
  description: string;
  tags: string;
}

export type Kind = "text" | "number" | "yes" | "json";

export function kindOf(content: unknown): Kind {
  if (typeof content === "string") return "text";
  if (typeof content === "number") return "number";
  if (typeof content === "boolean") return "yes";
  return "json";
}

export function formOf(event: Event): Form {
  return {
    when: fromLocal(event.time + event.offset * 60),
    minutes: event.duration ? String(Number((event.duration / 60).toFixed(3))) : "",
    content:
      event.content === undefined || event.content === null
        ? ""
        : typeof event.content === "object"
          ? JSON.stringify(event.content, null, 2)
          : String(event.content),
    description: event.description ?? "",
    tags: event.tags.join(", "),
  };
}

export type Changes = { body: Record<string, unknown> } | { wrong: string; field: keyof Form };

/** What differs between the event and the form, as the API wants it. */
export function changesOf(event: Event, form: Form): Changes {
  const was = formOf(event);
  const body: Record<string, unknown> = {};
  if (form.when !== was.when) {
    const local = toLocal(form.when);
    if (local === undefined) return { wrong: "Say a date and a time.", field: "when" };
    const fraction = event.time - Math.floor(event.time);
    body["time"] = local - event.offset * 60 + fraction;
  }
  if (form.minutes !== was.minutes) {
    const minutes = form.minutes.trim() === "" ? 0 : Number(form.minutes.replace(",", "."));
    if (!Number.isFinite(minutes) || minutes < 0) return { wrong: "Minutes are a number, 0 or more.", field: "minutes" };
    body["duration"] = Math.round(minutes * 60 * 1000) / 1000;
  }
  if (form.content !== was.content) {
    const kind = kindOf(event.content);
    if (kind === "number") {
      const value = Number(form.content.replace(",", "."));
      if (form.content.trim() === "" || !Number.isFinite(value)) return { wrong: "The value is a number.", field: "content" };
      body["content"] = value;
    } else if (kind === "yes") body["content"] = form.content === "true";
    else if (kind === "text") body["content"] = form.content;
    else {
      try {
        body["content"] = form.content.trim() === "" ? null : JSON.parse(form.content);
      } catch {
        return { wrong: "This is not valid JSON: look at commas, quotes and brackets.", field: "content" };
      }
    }
  }
  if (form.description !== was.description) body["description"] = form.description === "" ? null : form.description;
  if (form.tags !== was.tags) {
    body["tags"] = [...new Set(form.tags.split(",").map((tag) => tag.trim().replace(/^#/, "")).filter(Boolean))];
  }
  return { body };
}

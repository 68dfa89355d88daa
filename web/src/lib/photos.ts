/** The photos of a day. */

import { get } from "./api";
import { addDays, midnight } from "./dates";

export interface Photo {
  src: string;
  alt: string;
}

interface Event {
  id: string;
  description?: string;
  attachments?: { id: string; fileName: string; type: string }[];
}

const MOST = 4;
const EVENTS_LOOKED = 500;
const TYPES = ["picture/attached", "file/attached"];

export async function photosOf(day: string, zone: string, signal?: AbortSignal): Promise<Photo[]> {
  const query = { from: midnight(day, zone), to: midnight(addDays(day, 1), zone) - 1, types: TYPES, limit: EVENTS_LOOKED };
  const { events } = await get<{ events: Event[] }>("/events", query, signal);
  return events
    .flatMap((event) =>
      (event.attachments ?? [])
        .filter((file) => file.type.startsWith("image/"))
        .map((file) => ({
          src: `/api/v1/events/${encodeURIComponent(event.id)}/files/${encodeURIComponent(file.id)}`,
          alt: event.description ?? `Photo ${file.fileName}`,
        })),
    )
    .slice(0, MOST);
}

/** Every error of the server as one human sentence, with a way on. */

/** RFC 9457. */
interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  field?: string;
  data?: Record<string, unknown>;
}

export type WayOn = "retry" | "sign-in" | "correct" | "wait" | "reload" | "back";

export class Problem extends Error {
  /** 0: the server did not answer. */
  readonly status: number;
  /** "invalid-input"; "away" when the server did not answer. */
  readonly code: string;
  readonly field: string | undefined;
  readonly data: Record<string, unknown>;
  readonly retryAfter: number | undefined;

  constructor(status: number, body: ProblemBody = {}, retryAfter?: number) {
    const code = body.type?.replace(/^urn:diurnal:error:/, "") ?? (status === 0 ? "away" : "error");
    super(sentence(status, body, retryAfter));
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.field = body.field;
    this.data = body.data ?? {};
    this.retryAfter = retryAfter;
  }

  /** What helps. */
  get wayOn(): WayOn {
    switch (this.status) {
      case 0:
      case 500:
      case 502:
      case 503:
      case 504:
        return "retry";
      case 401:
        return "sign-in";
      case 429:
        return "wait";
      case 403:
      case 404:
        return "back";
      case 409:
        return "reload";
      default:
        return "correct";
    }
  }

  /** The server may take the same request later. */
  get passing(): boolean {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

function sentence(status: number, body: ProblemBody, retryAfter?: number): string {
  const detail = body.detail ? capital(body.detail) : "";
  switch (status) {
    case 0:
      return "The server does not answer. What you typed is kept here and sent when it is back.";
    case 401:
      return "You are signed out. Sign in again to go on; nothing you typed is lost.";
    case 403:
      return `${detail || "This is not allowed."} Ask the account's owner, or use another token.`;
    case 404:
      return `${detail || "There is nothing here."} It may have been deleted or moved.`;
    case 409:
      return `${detail || "This changed in the meantime."} Load it again, then change it.`;
    case 413:
      return `${detail || "This is too large."} Send it in smaller parts.`;
    case 429:
      return `Too many requests. Wait ${wait(retryAfter)}, then try again.`;
    case 502:
      return `${detail || "Another service failed."} Try again in a while.`;
    case 503:
    case 504:
      return `The server is busy or starting. Try again in ${wait(retryAfter)}.`;
    default:
      if (status >= 500) return "Something went wrong on the server. Try again; its log has the details.";
      return `${detail || "The request cannot be right."} Correct it and send it again.`;
  }
}

function wait(seconds: number | undefined): string {
  if (seconds === undefined || seconds < 2) return "a moment";
  return seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}

function capital(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export async function problemOf(response: Response): Promise<Problem> {
  const after = Number(response.headers.get("retry-after") ?? Number.NaN);
  let body: ProblemBody = {};
  try {
    if (/json/.test(response.headers.get("content-type") ?? "")) body = (await response.json()) as ProblemBody;
  } catch {
    // A proxy in between may answer what it likes: the status says enough.
  }
  return new Problem(response.status, body, Number.isFinite(after) ? after : undefined);
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0);
}

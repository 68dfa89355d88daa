/** The server as its admins see it. */

export interface AccountRow {
  username: string;
  created: number;
  attachmentQuota: number;
  quotaOwn?: boolean;
  email?: string;
  admin?: boolean;
  disabled?: number;
  changes?: number;
  attachmentBytes?: number;
}

export interface Invitation {
  id: string;
  note: string;
  created: number;
  expires: number;
  used?: number;
}

export interface Backup {
  name: string;
  bytes: number;
  made: number;
  locked?: boolean;
}

export interface Backups {
  backups: Backup[];
  running?: boolean;
  everyHours?: number;
  keep?: number;
}

export interface Checked {
  whole?: boolean;
  accounts?: number;
  rows?: number;
  files?: number;
  problem?: string;
}

export interface StorageRow {
  username: string;
  events?: number;
  days?: number;
  seriesBytes?: number;
  answersBytes?: number;
  attachmentBytes?: number;
  attachmentQuota?: number;
  quotaOwn?: boolean;
}

export interface Storage {
  databaseBytes?: number;
  filesBytes?: number;
  uploadsBytes?: number;
  exportsBytes?: number;
  backupsBytes?: number;
  diskFree?: number;
  diskTotal?: number;
  defaultAttachmentQuota?: number;
  accounts: StorageRow[];
}

export type JobState = "waiting" | "running" | "failed" | "done";

export interface Job {
  id: string;
  username: string;
  kind: string;
  state: JobState;
  tries?: number;
  created: number;
  runAt?: number;
  leaseUntil?: number;
  finished?: number;
  error?: string;
}

export interface Jobs {
  jobs: Job[];
  counts: Partial<Record<JobState, number>>;
  next?: string;
}

export interface LogLine {
  at: number;
  level: string;
  event: string;
  process?: string;
  pid?: number;
  request?: string;
  api?: string;
  fields?: Record<string, string | number | boolean>;
}

export interface Logs {
  lines: LogLine[];
  next?: string | number;
}

export interface SourceApp {
  connector: string;
  title: string;
  docs: string;
  help: string;
  clientId?: string;
  hasSecret?: boolean;
  fixed?: boolean;
}

export const number = (n: number | undefined): string => (n ?? 0).toLocaleString("en-GB");

/** "2 GB" or "500 MB" as bytes; undefined for what is none. A bare number is in MB. */
export function readSize(text: string): number | undefined {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*(kB|MB|GB|TB)?\s*$/i.exec(text);
  if (found?.[1] === undefined) return undefined;
  const unit = { kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 }[(found[2] ?? "MB").toLowerCase()] ?? 1e6;
  return Math.round(Number(found[1].replace(",", ".")) * unit);
}

export const JOB_KINDS: Record<string, string> = {
  import: "Import",
  undo: "Undo of an import",
  date: "Dating anew",
  analyse: "Analysis",
  sync: "Sync of a source",
  experiment: "Experiment",
  mail: "Mail",
  export: "Export",
  backup: "Backup",
};

/** Shapes of shares. */

import type { Permission } from "../../lib/access";

export interface Share {
  id: string;
  name: string;
  state: "open" | "offered" | "accepted" | "declined";
  token: string;
  permissions: Permission[];
  words: string[];
  created: number;
  opens?: number;
  calls?: number;
  to?: string;
  url?: string;
  password?: boolean;
  expires?: number;
  opened?: number;
}

export interface Received {
  id: string;
  owner: string;
  name: string;
  state: "offered" | "accepted" | "declined";
  words: string[];
  created: number;
  expires?: number;
}

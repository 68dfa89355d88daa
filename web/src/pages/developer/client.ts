/** Applications, as the API has them. */

export interface Client {
  id: string;
  api: string;
  name: string;
  redirectUris: string[];
  scopes: string[];
  confidential?: boolean;
  created: number;
  modified: number;
  attributes?: string[];
  home?: string;
  used?: number;
}

export type ClientMade = Client & { secret?: string };

export const API_NAMES: Record<string, string> = {
  native: "Diurnal’s API",
  exist: "Exist’s API",
  personicle: "Personicle’s API",
  mcp: "MCP",
};

/** Lines or comma-separated words as a list. */
export const listed = (text: string): string[] => [...new Set(text.split(/[\s,]+/).filter((word) => word !== ""))];

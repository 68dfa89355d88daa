/** The pages: one line each. What is in `nav` stands in the side bar, in this order. */

import Settings from "@lucide/svelte/icons/settings";
import CalendarDays from "@lucide/svelte/icons/calendar-days";
import Plug from "@lucide/svelte/icons/plug";
import Sun from "@lucide/svelte/icons/sun";
import Code from "@lucide/svelte/icons/code-xml";
import type { Component } from "svelte";

// Pages differ in whether they declare `params`.
export type Page = Component<any>;

export interface Route {
  path: string;
  title: string;
  /** Loads the page; its component may take the parts of the path as `params`. */
  load?: () => Promise<{ default: Page }>;
  /** A document of its own instead, which the browser goes to. */
  document?: true;
  nav?: { icon: Component<{ size?: number | string }>; key: string; href: string };
}

export const ROUTES: readonly Route[] = [
  {
    path: "/",
    title: "Today",
    load: () => import("./pages/Today.svelte"),
    nav: { icon: Sun, key: "t", href: "/" },
  },
  {
    path: "/day/:date",
    title: "Timeline",
    load: () => import("./pages/timeline/Timeline.svelte"),
    nav: { icon: CalendarDays, key: "l", href: "/day/today" },
  },
  {
    path: "/sources",
    title: "Sources",
    load: () => import("./pages/sources/Sources.svelte"),
    nav: { icon: Plug, key: "s", href: "/sources" },
  },
  {
    path: "/settings",
    title: "Settings",
    load: () => import("./pages/Settings.svelte"),
    nav: { icon: Settings, key: "e", href: "/settings" },
  },
  {
    path: "/developer/api",
    title: "API explorer",
    document: true,
    nav: { icon: Code, key: "a", href: "/developer/api" },
  },
];

/** The pages: one line each. What is in `nav` stands in the side bar, in this order. */

import Settings from "@lucide/svelte/icons/settings";
import ChartSpline from "@lucide/svelte/icons/chart-spline";
import FlaskConical from "@lucide/svelte/icons/flask-conical";
import Lightbulb from "@lucide/svelte/icons/lightbulb";
import CalendarDays from "@lucide/svelte/icons/calendar-days";
import Plug from "@lucide/svelte/icons/plug";
import Sun from "@lucide/svelte/icons/sun";
import Code from "@lucide/svelte/icons/code-xml";
import Blocks from "@lucide/svelte/icons/blocks";
import Chart from "@lucide/svelte/icons/chart-no-axes-column";
import Scroll from "@lucide/svelte/icons/scroll-text";
import Bot from "@lucide/svelte/icons/bot";
import Server from "@lucide/svelte/icons/server";
import Share from "@lucide/svelte/icons/share-2";
import Shield from "@lucide/svelte/icons/shield-check";
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
  /** Entries of one `group` stand together under its name; the first group has none. `admin`: only for admins. */
  nav?: { icon: Component<{ size?: number | string }>; key: string; href: string; group?: string; admin?: true };
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
    path: "/insights",
    title: "Insights",
    load: () => import("./pages/insights/Insights.svelte"),
    nav: { icon: Lightbulb, key: "i", href: "/insights" },
  },
  {
    path: "/insights/method",
    title: "How insights are found",
    load: () => import("./pages/insights/Method.svelte"),
  },
  {
    path: "/explore",
    title: "Explore",
    load: () => import("./pages/explore/Explore.svelte"),
    nav: { icon: ChartSpline, key: "x", href: "/explore" },
  },
  {
    path: "/experiments",
    title: "Experiments",
    load: () => import("./pages/experiments/Experiments.svelte"),
    nav: { icon: FlaskConical, key: "p", href: "/experiments" },
  },
  {
    path: "/sources",
    title: "Sources",
    load: () => import("./pages/sources/Sources.svelte"),
    nav: { icon: Plug, key: "s", href: "/sources", group: "Data" },
  },
  {
    path: "/sharing",
    title: "Sharing",
    load: () => import("./pages/sharing/Sharing.svelte"),
    nav: { icon: Share, key: "h", href: "/sharing", group: "Access" },
  },
  {
    path: "/shared/:id",
    title: "Shared with you",
    load: () => import("./pages/sharing/Shared.svelte"),
  },
  {
    path: "/apps",
    title: "Apps & access",
    load: () => import("./pages/access/Apps.svelte"),
    nav: { icon: Shield, key: "c", href: "/apps", group: "Access" },
  },
  {
    path: "/tokens",
    title: "Tokens & usage",
    load: () => import("./pages/access/Usage.svelte"),
    nav: { icon: Chart, key: "k", href: "/tokens", group: "Access" },
  },
  {
    path: "/assistants",
    title: "Assistants",
    load: () => import("./pages/access/Assistants.svelte"),
    nav: { icon: Bot, key: "m", href: "/assistants", group: "Access" },
  },
  {
    path: "/audit",
    title: "Audit log",
    load: () => import("./pages/access/Audit.svelte"),
    nav: { icon: Scroll, key: "u", href: "/audit", group: "Access" },
  },
  {
    path: "/settings",
    title: "Settings",
    load: () => import("./pages/Settings.svelte"),
    nav: { icon: Settings, key: "e", href: "/settings", group: "Account" },
  },
  {
    path: "/admin",
    title: "Admin",
    load: () => import("./pages/admin/Admin.svelte"),
    nav: { icon: Server, key: "n", href: "/admin", group: "Account", admin: true },
  },
  {
    path: "/developer",
    title: "Developer",
    load: () => import("./pages/developer/Developer.svelte"),
    nav: { icon: Blocks, key: "v", href: "/developer", group: "Developers" },
  },
  {
    path: "/developer/placeholders",
    title: "Placeholders",
    load: () => import("./pages/developer/Placeholders.svelte"),
  },
  {
    path: "/developer/webhooks",
    title: "Webhooks",
    load: () => import("./pages/developer/Webhooks.svelte"),
  },
  {
    path: "/developer/api",
    title: "API explorer",
    document: true,
    nav: { icon: Code, key: "a", href: "/developer/api", group: "Developers" },
  },
];

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` serves the sources and asks this server for the rest.
const server = process.env["DIURNAL_SERVER"] ?? "http://127.0.0.1:8400";
const passed = ["/api", "/sign-in", "/sign-out", "/setup", "/welcome", "/static", "/vendor"];

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "build",
    target: "es2022",
    // A module preloads itself; the helper for old browsers is an extra request.
    modulePreload: { polyfill: false },
    // Inlined files would need data: in the content security policy.
    assetsInlineLimit: 0,
    cssMinify: true,
    manifest: "manifest.json",
    rolldownOptions: { input: { index: "index.html", explorer: "explorer.html" } },
  },
  server: {
    proxy: Object.fromEntries(passed.map((path) => [path, { target: server, changeOrigin: false }])),
  },
});

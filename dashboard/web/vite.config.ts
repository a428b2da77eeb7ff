import { defineConfig } from "vite";

// One script and one style sheet under fixed names: the server embeds the folder, and a build of the same sources gives
// the same bytes wherever it runs.
export default defineConfig({
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        codeSplitting: false,
        entryFileNames: "assets/app.js",
        assetFileNames: "assets/app[extname]",
      },
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": "http://127.0.0.1:8787" } },
  test: { include: ["test/**/*.test.ts"], css: true },
} as import("vite").UserConfig);

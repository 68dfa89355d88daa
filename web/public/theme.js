// Before the first paint: the chosen theme, or the system's. The app keeps the choice up to date.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("diurnal.theme");
  } catch {
    // Storage is off: the system's choice counts.
  }
  const dark =
    chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();

/* Runs before the first paint: the remembered colours, else those of the system. */
(() => {
  "use strict";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      /* storage is switched off: the system decides */
    }
    const theme = chosen ?? (system.matches ? "dark" : "light");
    document.documentElement.setAttribute("data-bs-theme", theme);
  };
  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();

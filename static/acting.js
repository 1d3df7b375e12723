/* Staff signed in as somebody else: the minutes that are left, and out when they are over. */
(() => {
  "use strict";

  const left = document.querySelector("[data-left]");
  if (!left) return;
  const until = Date.parse(left.dataset.left);

  function tell() {
    const seconds = (until - Date.now()) / 1000;
    const minutes = Math.max(0, Math.ceil(seconds / 60));
    left.textContent = left.dataset.leftText.replace("{minutes}", minutes);
    // the server has ended it: the next page says so
    if (seconds <= -1) window.location.reload();
    else setTimeout(tell, Math.min(15_000, Math.max(1_000, seconds * 1000 + 1_500)));
  }

  tell();
})();

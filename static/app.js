/* What the pages need beyond links, forms and htmx. One listener per kind of event, on the
   document, so that it works for whatever htmx brings later. Nothing here builds code or markup
   from text. */
(() => {
  "use strict";

  const words = document.body.dataset;
  const find = (selector, root = document) => root.querySelector(selector);

  /* --- Security: the session's token travels with every request of htmx --- */

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = find('meta[name="csrf-token"]').content;
  });

  /* --- Toasts --- */

  const closeToast = (toast) => toast?.remove();

  const leaveLater = (toast) => {
    const stays = Number(toast.dataset.toastStays ?? 6000);
    if (toast.dataset.toast !== "error") setTimeout(closeToast, stays, toast);
  };

  function showToast({ text, level = "success", requestId = "", retry = null, undo = "" }) {
    const toast = find("#toast-template").content.firstElementChild.cloneNode(true);
    const isError = level === "error";
    toast.className = `toast-card toast-${level}`;
    toast.dataset.toast = level;
    find("[data-toast-text]", toast).textContent = text;
    if (requestId) {
      const line = find("[data-toast-request]", toast);
      line.textContent = `${words.textRequest} ${requestId}`;
      line.hidden = false;
    }
    if (retry) {
      const button = find("[data-toast-retry]", toast);
      button.hidden = false;
      button.addEventListener("click", () => {
        closeToast(toast);
        retry();
      });
    }
    if (undo) {
      const button = find("[data-toast-undo]", toast);
      toast.dataset.toastStays = "10000";
      button.hidden = false;
      button.addEventListener("click", () => {
        closeToast(toast);
        window.htmx.ajax("POST", undo, { source: document.body, target: document.body, swap: "none" });
      });
    }
    find(isError ? "[data-toasts-errors]" : "[data-toasts-polite]").append(toast);
    raiseToasts();
    leaveLater(toast);
  }

  /* a modal dialog covers everything else, so the toasts move into it and back */
  function raiseToasts() {
    const open = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
    const area = find("[data-toasts]");
    if (area.parentElement !== open) open.append(area);
  }

  document.addEventListener("toast", (event) => showToast(event.detail));
  document.querySelectorAll("[data-toast]").forEach(leaveLater);

  /* --- Failures of htmx: say so, with the request's id, and offer to try again --- */

  function again(detail) {
    const { elt, requestConfig: config } = detail;
    if (elt.matches("form") && elt.isConnected) return () => elt.requestSubmit();
    const options = { source: elt, target: detail.target, values: config.parameters };
    return () => window.htmx.ajax(config.verb, config.path, options);
  }

  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    // a refusal (4xx) brings its own toast; a failure (5xx) brings plain words or nothing at all
    if (/"toast"/.test(xhr.getResponseHeader("HX-Trigger") ?? "")) return;
    const isPlain = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
    const text = (isPlain && xhr.responseText) || words.textFailed;
    const requestId = xhr.getResponseHeader("X-Request-ID") ?? "";
    const retry = xhr.status >= 500 ? again(event.detail) : null;
    showToast({ text, level: "error", requestId, retry });
  });

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      showToast({ text: words.textOffline, level: "error", retry: again(event.detail) });
    });
  }

  /* --- Dialog --- */

  const dialog = find("#dialog");

  function focusInside(root) {
    const first =
      find("[data-error-summary]", root) ??
      find("[autofocus]", root) ??
      find(".dialog-body :is(input:not([type=hidden]), select, textarea)", root);
    first?.focus();
  }

  // the same form stands on a page of its own too: what it draws anew there needs no dialog
  document.addEventListener("dialog:open", ({ target }) => {
    const isOurs = target.closest?.("#dialog, [hx-target='#dialog-content']");
    if (isOurs && !dialog.open) dialog.showModal();
  });

  document.addEventListener("dialog:close", () => dialog.close());

  /* the link that asked for it may be gone by now, with a part that drew itself anew: what is said
     to a link that is gone is heard by nobody */
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target.id === "dialog-content" && target.childElementCount && !dialog.open) dialog.showModal();
  });

  let isTyped = false;
  dialog.addEventListener("input", () => {
    isTyped = true;
  });

  // Escape is pressed by habit: what was typed is not thrown away without a question
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog || !isTyped) return;
    event.preventDefault();
    const { leave, leaveTitle, leaveYes } = dialog.dataset;
    ask({ dataset: { confirm: leave, confirmTitle: leaveTitle, confirmYes: leaveYes } }, () =>
      dialog.close(),
    );
  });

  dialog.addEventListener("close", () => {
    isTyped = false;
    find("#dialog-content").replaceChildren();
    raiseToasts();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const { target } = event;
    if (target instanceof Element && find("[data-error-summary]", target)) focusInside(target);
    else if (target instanceof Element && dialog.open && dialog.contains(target)) {
      // an answer that changed a part beside the field being typed in must not take the focus
      const isTyping = document.activeElement !== dialog && dialog.contains(document.activeElement);
      if (target.id === "dialog-content" || !isTyping) focusInside(dialog);
    }
    dependents(document);
  });

  /* --- Confirmation, for htmx and for plain forms alike --- */

  const confirmDialog = find("#confirm");

  function ask(source, then) {
    const { confirm, confirmTitle, confirmYes, confirmTyped } = source.dataset;
    const [title, yes, typing, typed, word] = ["title", "yes", "typing", "typed", "word"].map(
      (part) => document.getElementById(`confirm-${part}`),
    );
    title.textContent = confirmTitle || title.dataset.default;
    find("#confirm-text").textContent = confirm;
    yes.textContent = confirmYes || yes.dataset.default;
    typing.hidden = !confirmTyped;
    typed.value = "";
    word.textContent = confirmTyped ?? "";
    yes.classList.toggle("btn-danger", "confirmDanger" in source.dataset);
    const judge = () => {
      yes.disabled = Boolean(confirmTyped) && typed.value.trim() !== confirmTyped;
    };
    typed.oninput = judge;
    judge();
    confirmDialog.returnValue = "no";
    confirmDialog.addEventListener("close", () => confirmDialog.returnValue === "yes" && then(), {
      once: true,
    });
    confirmDialog.showModal();
    if (confirmTyped) typed.focus();
  }

  document.addEventListener("htmx:confirm", (event) => {
    const { elt } = event.detail;
    if (!elt.dataset.confirm || elt.matches("form")) return;
    event.preventDefault();
    ask(elt, () => event.detail.issueRequest(true));
  });

  /* --- Forms: ask first, and send once --- */

  const confirmed = new WeakSet();

  const setBusy = (form, isBusy) => {
    form.toggleAttribute("data-busy", isBusy);
    for (const button of form.querySelectorAll("[type=submit]")) {
      // aria-disabled, not disabled: the focus and the button's own value stay
      button.setAttribute("aria-disabled", String(isBusy));
    }
  };

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const source = event.submitter?.dataset.confirm ? event.submitter : form;
      const stop = () => {
        event.preventDefault();
        event.stopImmediatePropagation();
      };
      if (form.method === "dialog") return;
      if (form.hasAttribute("data-busy")) stop();
      else if (source.dataset.confirm && !confirmed.has(form)) {
        stop();
        ask(source, () => {
          confirmed.add(form);
          form.requestSubmit(event.submitter?.isConnected ? event.submitter : null);
        });
      } else {
        confirmed.delete(form);
        // a form whose answer is a file stays on its page and may be sent again
        if (form.method === "post" && !form.hasAttribute("data-download")) setBusy(form, true);
        if (form.hasAttribute("data-downloads")) setTimeout(afterDownload, 1500, form);
      }
    },
    true,
  );

  /* a form that is answered with a file leaves the page as it is, and tells nobody that it is done */
  function afterDownload(form) {
    setBusy(form, false);
    if (dialog.contains(form)) dialog.close();
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target instanceof HTMLFormElement) setBusy(event.target, false);
  });

  /* --- What is typed and not sent yet outlives a page that draws itself anew --- */

  const typed = new Map();

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, requestConfig } = event.detail;
    const sent =
      xhr.status < 400 ? requestConfig.elt.closest?.("form[data-empties]") : null;
    for (const field of target.querySelectorAll("[data-keep-typed]")) {
      if (!sent?.contains(field)) typed.set(field.id, field.value);
    }
  });

  document.addEventListener("htmx:afterSettle", () => {
    for (const [id, text] of typed) {
      const field = document.getElementById(id);
      if (!field?.matches("[data-keep-typed]")) continue;
      if (!field.value) field.value = text;
      typed.delete(id);
    }
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const isDone = event.detail.successful && event.target.matches?.("form[data-empties]");
    if (isDone) event.target.reset();
  });

  /* the page comes back from the browser's own memory: its forms work again */
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-busy]").forEach((form) => setBusy(form, false));
  });

  /* --- Rows picked in a list --- */

  const picks = () => [...document.querySelectorAll("input[name=pick]")];

  function countPicks() {
    const boxes = picks();
    const picked = boxes.filter((box) => box.checked).length;
    for (const place of document.querySelectorAll("[data-picked]")) place.textContent = picked;
    for (const whole of document.querySelectorAll("[data-pick-page]")) {
      whole.checked = picked > 0 && picked === boxes.length;
      whole.indeterminate = picked > 0 && picked < boxes.length;
    }
  }

  function pickAll(isPicked) {
    for (const box of picks()) box.checked = isPicked;
    countPicks();
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-pick-page]")) pickAll(target.checked);
    else if (target.name === "pick") countPicks();
  });
  document.addEventListener("htmx:load", countPicks);
  // after Back the browser has put the ticks in again without an event
  window.addEventListener("pageshow", countPicks);

  /* --- Fields that depend on a checkbox --- */

  function dependents(root) {
    for (const box of root.querySelectorAll("[data-disables], [data-enables]")) {
      const { disables, enables } = box.dataset;
      const others = document.querySelectorAll(disables ?? enables);
      for (const field of others) field.disabled = box.checked === Boolean(disables);
    }
  }

  document.addEventListener("change", (event) => {
    dependents(document);
    const fold = event.target.dataset.opens;
    if (fold) document.getElementById(fold).open = event.target.checked;
  });

  /* a field that is wrong may lie in a folded block: the browser or the summary opens it */
  document.addEventListener("invalid", (event) => openFoldOf(event.target), true);

  function openFoldOf(element) {
    const fold = element?.closest("details:not([open])");
    if (fold) fold.open = true;
  }

  /* --- A button that says what the chosen radio means --- */

  function follow() {
    for (const button of document.querySelectorAll("button[data-follows]")) {
      const chosen = button.form?.querySelector(`[name="${button.dataset.follows}"]:checked`);
      if (chosen?.dataset.followText) button.textContent = chosen.dataset.followText;
    }
  }

  document.addEventListener("change", follow);
  // after Back the browser has put the chosen radio in again without an event
  window.addEventListener("pageshow", follow);

  /* --- Clicks --- */

  const actions = {
    "[data-print]": () => window.print(),
    "[data-dialog-close]": (element, event) => {
      if (!element.closest("#dialog")) return;
      event.preventDefault();
      dialog.close();
    },
    "[data-pick-none]": () => pickAll(false),
    // an icon of a row: one attribute instead of three in each of hundreds of links
    "a[data-dialog]": (element, event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const source = element;
      window.htmx.ajax("GET", element.href, { source, target: "#dialog-content", swap: "innerHTML" });
    },
    "[data-drop-close]": (_element, event) => {
      if (!find("#drop")?.contains(event.target)) return;
      event.preventDefault();
      closeDrop();
      find("[data-drop]")?.focus();
    },
    "[data-toast-close]": (element) => closeToast(element.closest("[data-toast]")),
    "[data-theme-toggle]": () => {
      const root = document.documentElement;
      const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      root.setAttribute("data-bs-theme", next);
      try {
        localStorage.setItem("theme", next);
      } catch {
        /* not remembered, still applied */
      }
    },
    "[data-copy]": async (element) => {
      await navigator.clipboard.writeText(element.dataset.copy);
      showToast({ text: words.textCopied });
    },
    "[data-reveal]": (element) => {
      const field = document.getElementById(element.dataset.reveal);
      const isHidden = field.type === "password";
      field.type = isHidden ? "text" : "password";
      element.setAttribute("aria-pressed", String(isHidden));
    },
    "[data-history-back]": () => history.back(),
    "[data-error-summary] a": (element, event) => {
      const field = document.getElementById(element.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      openFoldOf(field);
      // a tag field hides its own box behind the one that people type in
      (field.tomselect ?? field).focus();
    },
  };

  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(actions)) {
      const element = event.target instanceof Element && event.target.closest(selector);
      if (element) act(element, event);
    }
  });

  /* --- A panel that drops down: opened by its link, closed by the link, Escape or a click beside --- */

  const closeDrop = () => {
    const drop = find("#drop");
    if (!drop?.firstElementChild) return false;
    drop.replaceChildren();
    return true;
  };

  document.addEventListener("htmx:confirm", (event) => {
    // the link of an open panel closes it
    if (event.detail.elt.hasAttribute("data-drop") && closeDrop()) event.preventDefault();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "drop") {
      find("input:not([type=hidden]), select", event.target)?.focus();
    }
  });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    // a chip that was just removed is no longer part of the panel that it was clicked in
    if (target?.isConnected && !target.closest("#drop, [data-drop], dialog")) closeDrop();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (closeDrop()) find("[data-drop]")?.focus();
  });

  /* --- Single keys; each person can switch them off (WCAG 2.1.4) --- */

  function moveRow(step) {
    const links = [...document.querySelectorAll(".ledger tbody .cell-title a")];
    const row = document.activeElement?.closest(".ledger tbody tr");
    const at = row ? links.findIndex((link) => row.contains(link)) : -1;
    const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  const keys = {
    "/": () => {
      const box = find("[data-search]");
      box?.focus();
      box?.select();
    },
    n: () => find('[data-new], .page-header a[href$="/new"]')?.click(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    "?": () => find("[data-help]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (!act || isTyping || !("keys" in words) || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.repeat && !"jk".includes(event.key)) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });

  /* --- A text that is drawn in a frame while one types: its fields go into a form of the frame --- */

  function drawFrame(form) {
    const probe = document.getElementById(form.dataset.draws);
    for (const field of probe.elements) field.value = form.elements[field.name]?.value ?? "";
    // the script's own submit: the page stays, only the frame is drawn
    HTMLFormElement.prototype.submit.call(probe);
  }

  let frameWaits = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-draws]");
    if (!form) return;
    clearTimeout(frameWaits);
    frameWaits = setTimeout(() => form.isConnected && drawFrame(form), 500);
  });

  const drawFrames = () => {
    const form = find("form[data-draws]:not([data-drawn])");
    if (!form) return;
    form.toggleAttribute("data-drawn", true);
    drawFrame(form);
  };

  document.addEventListener("htmx:load", drawFrames);

  /* --- Start --- */

  document.querySelectorAll("[data-history-back]").forEach((button) => {
    button.hidden = history.length < 2;
  });
  dependents(document);
  follow();
  // a long menu shows where one is
  find(".side-nav [aria-current]")?.scrollIntoView({ block: "nearest" });
  if (find("#main [data-error-summary]")) focusInside(find("#main"));
  // sent while the page still loads, so that it leaves no entry in the history to come back to
  find("form[data-submit-at-once]")?.requestSubmit();
})();

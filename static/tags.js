/* Tag fields: the names of a comma-separated box as chips, made as one types (Tom Select).
   Without this file the box stays what it is: text with commas, which is what the server reads. */
(() => {
  "use strict";

  const words = document.body.dataset;

  const known = (field) =>
    [...(document.getElementById(field.dataset.tags)?.options ?? [])].map((one) => one.value);

  function tagField(field) {
    const names = field.value.split(",").map((name) => name.trim()).filter(Boolean);
    field.value = names.join(",");
    const select = new window.TomSelect(field, {
      plugins: { remove_button: { label: "\u00d7", title: words.textRemove } },
      delimiter: ",",
      options: [...new Set([...known(field), ...names])].map((name) => ({ value: name, text: name })),
      create: true,
      // Enter takes what was typed, not an option that was highlighted before the last letter
      addPrecedence: true,
      refreshThrottle: 0,
      createOnBlur: true,
      persist: false,
      hideSelected: true,
      maxOptions: 50,
      render: {
        option_create: (data, escape) =>
          `<div class="create">${escape(words.textAdd)} <strong>${escape(data.input)}</strong></div>`,
        no_results: null,
      },
      onItemAdd() {
        this.setTextboxValue("");
        this.refreshOptions(false);
      },
    });
    const entry = select.control_input;
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (field.hasAttribute(name)) entry.setAttribute(name, field.getAttribute(name));
    }
    entry.autocomplete = "off";
    // it only carries the value now, and needs no label of its own
    field.type = "hidden";
  }

  const tagFields = () => {
    for (const field of document.querySelectorAll("input[data-tags]:not(.tomselected)")) {
      tagField(field);
    }
  };

  document.addEventListener("htmx:load", tagFields);
  tagFields();
})();

"""A stored file as an answer: its own bytes, and a name that no header can be broken with."""

import io

from flask import Response, send_file

from tenants.models import File


def send_stored(file: File, *, as_attachment: bool) -> Response:
    """Show the file in the browser, or have it saved."""
    name = "".join(letter if letter.isprintable() else "_" for letter in file.name)
    return send_file(
        io.BytesIO(file.content),
        mimetype=file.media_type,
        download_name=name or "file",
        as_attachment=as_attachment,
        etag=False,
    )

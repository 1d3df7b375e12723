"""The JSON API that tests and scripts use, and the switch for faults."""

from dataclasses import asdict

from flask import Blueprint, Response, abort, jsonify, request, url_for

from sandbox.mailbox.faults import FaultPlan, WrongFault, parse_fault
from sandbox.mailbox.pages import get_message
from sandbox.mailbox.store import Attachment, Message, Store


def _attachment_json(message_id: str, attachment: Attachment) -> dict[str, object]:
    return {
        "number": attachment.number,
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": len(attachment.content),
        "sha256": attachment.sha256,
        "url": url_for("pages.show_attachment", message_id=message_id, number=attachment.number),
    }


def _message_json(message: Message) -> dict[str, object]:
    return {
        **asdict(message.summary),
        "headers": message.headers,
        "text": message.text,
        "html": message.html,
        "attachments": [_attachment_json(message.summary.id, one) for one in message.attachments],
    }


def make_api(store: Store, plan: FaultPlan) -> Blueprint:
    """The API over a store of messages and a fault plan."""
    api = Blueprint("api", __name__)

    @api.get("/api/messages")
    def list_messages() -> Response:
        found = store.list_summaries(request.args.get("to", ""))
        return jsonify([asdict(summary) for summary in found])

    @api.delete("/api/messages")
    def clear() -> Response:
        return jsonify(deleted=store.clear())

    @api.get("/api/messages/<message_id>")
    def show_message(message_id: str) -> Response:
        return jsonify(_message_json(get_message(store, message_id)))

    @api.get("/control")
    def show_control() -> Response:
        return jsonify(faults=plan.list_faults())

    @api.post("/control")
    def control() -> Response:
        wish = request.get_json()  # 415 without the JSON type, which other sites cannot send
        try:
            if wish == {"reset": True}:
                plan.reset()
            else:
                plan.add([parse_fault(one) for one in (wish if isinstance(wish, list) else [wish])])
        except WrongFault as error:
            abort(422, str(error))
        return jsonify(faults=plan.list_faults())

    return api

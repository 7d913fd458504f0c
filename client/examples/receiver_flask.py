"""A receiver of Kronos's deliveries, with Flask: flask --app receiver_flask run"""

import os

from flask import Flask, request

from kronos.client import WebhookInvalid, verify_webhook

app = Flask(__name__)
secrets = os.environ["KRONOS_SIGNING_SECRETS"].split()  # two while you replace one
done: set[str] = set()  # use your database: the same execution may arrive again


@app.post("/hook")
def receive() -> tuple[dict[str, str], int]:
    """Do the work of an execution once."""
    try:
        webhook = verify_webhook(request.get_data(), request.headers, secrets)
    except WebhookInvalid as error:
        return {"error": error.reason}, 400
    if webhook.execution_id not in done:
        done.add(webhook.execution_id)
    return {"done": webhook.execution_id}, 200

"""A receiver of Kronos's deliveries, with Flask: flask --app receiver_flask run"""

import os

from flask import Flask, request

from kronos.client import WebhookInvalid, verify_webhook

app = Flask(__name__)
secrets = os.environ["KRONOS_SIGNING_SECRETS"].split()  # two while one takes the other's place
done: set[str] = set()  # of your database: the same execution may come again


@app.post("/hook")
def receive() -> tuple[dict[str, str], int]:
    """Do once what an execution is for."""
    try:
        webhook = verify_webhook(request.get_data(), request.headers, secrets)
    except WebhookInvalid as error:
        return {"error": error.reason}, 400
    if webhook.execution_id not in done:
        done.add(webhook.execution_id)
    return {"done": webhook.execution_id}, 200

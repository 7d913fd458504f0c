"""A receiver of Kronos's deliveries, with FastAPI: uvicorn receiver_fastapi:app"""

import os

from fastapi import FastAPI, HTTPException, Request

from kronos.client import WebhookInvalid, verify_webhook

app = FastAPI()
secrets = os.environ["KRONOS_SIGNING_SECRETS"].split()  # two while you replace one
done: set[str] = set()  # use your database: the same execution may arrive again


@app.post("/hook")
async def receive(request: Request) -> dict[str, str]:
    """Do the work of an execution once."""
    try:
        webhook = verify_webhook(await request.body(), request.headers, secrets)
    except WebhookInvalid as error:
        raise HTTPException(400, error.reason) from error
    if webhook.execution_id not in done:
        done.add(webhook.execution_id)
    return {"done": webhook.execution_id}

"""The upper limit of FastAPI in one process: a route that returns a constant, served with the settings of
kronos.api.serve."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/")
async def constant() -> dict[str, str]:
    """Return the constant."""
    return {"status": "created"}


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=1000,
    )

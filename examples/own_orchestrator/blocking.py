"""A plain function as a target: each workflow gets a thread of its own."""

import time


def answer(workflow):
    time.sleep(0.05)  # where a client that blocks would wait for its answer
    return {"workflow_id": workflow.id}

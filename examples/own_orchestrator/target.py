"""The desk as a target: a fresh one per replication, one call per workflow, and what it knows of its own line."""

from examples.own_orchestrator.desk import Desk


class Target:
    def __init__(self):
        self.desk = Desk(agents=8)

    async def run(self, workflow):
        await self.desk.handle(workflow.id)

    def gauges(self):
        return {"pool_size": self.desk.agents, "agents_busy": self.desk.busy, "queue_depth": self.desk.waiting}

"""The probe `{{name}}`.

Everything that it may ask and answer is described in .probity/wit/probity.wit, which the build writes. A call that fails raises
`Err`, whose `value` is the failure; any other exception ends the run as a trap.
"""

from wit_world import exports
from wit_world.imports import config
from wit_world.imports.health import Check, Status
from wit_world.imports.metrics import Gauge


class Collector(exports.Collector):
    """What the host calls. Each call has an object of its own: what is to last is kept in the module."""

    def start(self) -> None:
        """Runs once in each instance."""
        global answer, check
        answer = Gauge.define("{{metric}}_answer", "", "The answer.", ["asked_by"])
        check = Check.define("answer", "There is an answer")

    def collect(self) -> None:
        """Runs on schedule. What it sets counts only if nothing is raised."""
        who = config.get("who") or "nobody"
        answer.set([who], 42)
        check.report(Status.PASS, "42")

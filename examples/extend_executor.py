"""An executor of your own: jobs that leave the machine to others, at the lowest priority that the system has.

    deepsynth web --executor quiet

finds it through an entry point of your package:

    [project.entry-points."deepsynth.executors"]
    quiet = "your_package.quiet:QuietExecutor"

It only changes what is started. One that runs attempts elsewhere has its own `start` and `ended` (see `Executor`): the store,
the queue and the files of a job stay what they are.
"""

from deepsynth.jobs.executor import LocalExecutor, executors
from deepsynth.jobs.job import Job


@executors.register("quiet")
class QuietExecutor(LocalExecutor):
    """Runs attempts on this machine under `nice`, which turns into what it starts, so that locks and signals reach it."""

    def command(self, job: Job) -> list[str]:
        """Return what is started for an attempt."""
        return ["nice", "-n", "19", *super().command(job)]

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.engine import Answer, Finished, Wrote
from deepsynth.inference.runner import Broken, Done, Piece, Runner
from deepsynth.inference.writing import Writing


def job(summarizer, text="The lamp", **asked):
    writing = Writing(max_new_tokens=6, repetition_times=0)
    return summarizer.job(Document(id=text[:9], text=text), summarizer.asking(writing=writing, **asked))


def run(runner):
    news = []
    while runner.busy:
        news += runner.step()
    return news


def test_jobs_of_several_rounds_and_of_one_run_side_by_side(summarizer, engine):
    runner = Runner(engine)
    runner.start(1, job(summarizer, "The lamp stands in the harbor. " * 40, pages_per_prompt=3))
    runner.start(2, job(summarizer))
    news = run(runner)
    done = {item.job: item.summary for item in news if isinstance(item, Done)}
    assert done[1].prompts > 3
    assert done[2].prompts == 1
    for number, summary in done.items():
        assert "".join(item.text for item in news if isinstance(item, Piece) and item.job == number) == summary.text


def test_a_broken_job_is_told_and_the_others_go_on(summarizer, engine):
    runner = Runner(engine)
    runner.start(1, job(summarizer, adapter="none such"))
    runner.start(2, job(summarizer, mode="nano-256"))
    news = run(runner)
    broken = [item for item in news if isinstance(item, Broken)]
    assert [item.job for item in broken] == [1]
    assert isinstance(broken[0].error, InputError)
    assert [item.job for item in news if isinstance(item, Done)] == [2]


def test_a_cancelled_job_says_nothing_more(summarizer, engine):
    runner = Runner(engine)
    runner.start(1, job(summarizer, "The lamp stands in the harbor. " * 40, pages_per_prompt=3))
    runner.step()
    runner.cancel(1)
    runner.cancel(1)
    assert len(runner) == 0
    assert engine.load == (0, 0)
    assert not runner.busy


def test_a_cut_off_job_can_be_followed_by_another_of_the_same_number(summarizer, engine):
    runner = Runner(engine)
    runner.start(1, job(summarizer))
    runner.step()
    runner.cancel(1)
    runner.start(1, job(summarizer))
    assert [type(item) for item in run(runner)][-1] is Done


class Scripted:
    """An engine that says the same pieces to each prompt."""

    max_rows = 1

    def __init__(self, facts, pieces):
        self.facts, self._pieces, self._events = facts, pieces, []

    def submit(self, identity, prompt):
        answer = Answer(
            text="".join(self._pieces),
            generated_tokens=4,
            prompt_tokens=30,
            visual_tokens=21,
            stop_reason="eos",
            seconds=1.0,
        )
        self._events += [Wrote(id=identity, text=piece) for piece in self._pieces]
        self._events.append(Finished(id=identity, answer=answer))

    def cancel(self, identity):
        pass

    def step(self):
        return [self._events.pop(0)]


def test_a_stream_begins_behind_what_was_read_first(summarizer):
    runner = Runner(Scripted(summarizer.engine.facts, ["A\nla", "mp.\n", "\nLig", "ht\n", "house"]))
    runner.start(1, job(summarizer, read_first=True))
    news = run(runner)
    assert [item.text for item in news if isinstance(item, Piece)] == ["Lig", "ht\n", "house"]
    assert news[-1].summary.text == "Light\nhouse"

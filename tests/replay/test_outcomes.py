"""What a replay finds: each outcome, with what explains it."""

from __future__ import annotations

from tests.replay.conftest import Dataset, Replayed, git


def causes(replayed: Replayed, rule: str) -> str:
    return "\n".join(replayed.job(rule).causes)


def double(replayed: Replayed, n: int) -> str:
    return "\n".join(
        cause
        for job in replayed.verdict.jobs
        for cause in job.causes
        if job.id == replayed.output(f"results/double/{n}.csv").job
    )


def test_what_is_the_same_but_for_the_time_of_its_creation_is_equivalent(dataset: Dataset) -> None:
    made = ("label.txt", "field.nc", "plot.png", "count.txt")
    found = dataset.replay(*(f"results/{name}" for name in made))
    outcomes = {output.path: output.outcome for output in found.verdict.outputs}
    assert outcomes == {
        "results/double/1.csv": "identical",
        "results/double/2.csv": "identical",
        "results/all.csv": "identical",
        "results/sum.json": "identical",
        "results/label.txt": "identical",
        "results/count.txt": "identical",
        "results/stamp.txt": "equivalent",
        "results/field.nc": "equivalent",
        "results/plot.png": "equivalent",
    }
    assert found.verdict.outcome == "equivalent"
    assert [job.causes for job in found.verdict.jobs if job.rule in ("double", "sum")] == [()] * 3
    for path, kind, name in (
        ("results/field.nc", "netcdf", "history"),
        ("results/plot.png", "png", "Creation Time"),
    ):
        finding = found.output(path).finding
        assert finding is not None
        assert finding.compared_as == kind
        assert any(name in ignored for ignored in finding.ignored), finding.ignored


def test_a_temporary_file_that_served_as_well_spoils_nothing(dataset: Dataset) -> None:
    found = dataset.replay("results/count.txt")
    stamp = found.output("results/stamp.txt")
    assert stamp.recorded != stamp.replayed
    assert "temporary" in str(stamp.reason)
    assert found.job("stamp").outcome == "equivalent"
    assert found.output("results/count.txt").outcome == "identical"


def test_a_temporary_file_alone_is_different_if_its_digest_is(dataset: Dataset) -> None:
    found = dataset.replay("results/stamp.txt", status=1)
    assert found.verdict.outcome == "different"
    assert "only digests were compared" in str(found.output("results/stamp.txt").reason)
    assert "it depends on something else, such as the time" in causes(found, "stamp")


def test_a_broken_input_is_the_cause_of_what_differs_and_of_all_that_follows(
    dataset: Dataset,
) -> None:
    dataset.write("data/1.txt", "1\n2\n30\n4\n")
    commit = dataset.save("break one value")
    found = dataset.replay("results/sum.json", status=1)
    assert found.verdict.outcome == "different"
    assert found.output("results/double/1.csv").outcome == "different"
    assert found.output("results/double/2.csv").outcome == "identical"
    assert "input data/1.txt is not the recorded one (sha256:" in double(found, 1)
    assert f"{commit[:7]} (break one value)" in double(found, 1)
    assert "input results/double/1.csv was replayed differently (by job" in causes(found, "gather")
    assert "input results/all.csv was replayed differently (by job" in causes(found, "sum")
    finding = found.output("results/sum.json").finding
    assert finding is not None
    assert finding.compared_as == "json"
    (difference,) = (each for each in finding.differences if "sum" in each.where)
    assert (difference.recorded, difference.replayed, difference.amount) == ("108.0", "162.0", 54.0)


def change_script(dataset: Dataset) -> None:
    script = dataset.workdir / "scripts/label.py"
    script.write_text(script.read_text().replace('"numbers:"', '"values:"'))


def test_one_changed_line_of_a_script_is_shown_as_the_cause(dataset: Dataset) -> None:
    change_script(dataset)
    dataset.save("another word")
    found = dataset.replay("results/label.txt", "--job-only", status=1)
    assert found.output("results/label.txt").outcome == "different"
    told = causes(found, "label")
    assert "code of scripts/label.py differs from the recorded one" in told
    assert '-    print("all", "numbers:", found, file=label)' in told
    assert '+    print("all", "values:", found, file=label)' in told


def test_a_script_that_is_changed_but_not_committed_is_used_only_on_demand(
    dataset: Dataset,
) -> None:
    change_script(dataset)
    found = dataset.replay("results/label.txt", "--job-only")
    assert found.verdict.outcome == "identical"
    assert (
        "scripts/label.py is changed here but not committed: the replay used the committed one."
        in found.verdict.notes
    )
    found = dataset.replay("results/label.txt", "--job-only", "--uncommitted", status=1)
    assert found.output("results/label.txt").outcome == "different"
    assert "code of scripts/label.py differs from the recorded one" in causes(found, "label")
    told = "Not as committed, but as they are in the working tree: scripts/label.py."
    assert told in found.verdict.notes


def test_a_job_that_fails_is_told_with_its_last_words_and_stops_what_follows(
    dataset: Dataset,
) -> None:
    dataset.write("scripts/sum.awk", 'END { print "no more sums" > "/dev/stderr"; exit 3 }')
    dataset.save()
    found = dataset.replay("results/field.nc", status=1)
    assert found.verdict.outcome == "failed"
    assert found.job("sum").reason == "it ended with exit code 3, after it said:\n  no more sums"
    assert found.job("field").outcome == "not replayable"
    assert "results/sum.json was not made, because job" in str(found.job("field").reason)
    assert found.output("results/sum.json").outcome == "failed"


def test_a_script_fails_without_a_word_of_the_scratch_folder(dataset: Dataset) -> None:
    dataset.write("scripts/label.py", "raise SystemExit('no more labels')")
    dataset.save()
    found = dataset.replay("results/label.txt", "--job-only", status=1)
    assert "no more labels" in str(found.job("label").reason)
    assert "renku-replay-" not in str(found.verdict)


def test_an_input_that_is_gone_makes_what_needs_it_not_replayable(dataset: Dataset) -> None:
    git(dataset.root, "annex", "drop", "--quiet", "--force", "data/1.txt")
    found = dataset.replay("results/sum.json", status=1)
    assert found.verdict.outcome == "not replayable"
    reasons = [str(job.reason) for job in found.verdict.jobs if job.rule == "double"]
    assert any("input data/1.txt: no copy can be reached" in reason for reason in reasons)
    assert "was not made, because job" in str(found.job("sum").reason)
    assert found.output("results/double/2.csv").outcome == "identical"


def test_an_input_that_was_never_committed_is_not_replayable(dataset: Dataset) -> None:
    git(dataset.root, "rm", "--quiet", "--cached", "data/2.txt")
    git(dataset.root, "commit", "--quiet", "--message", "not in git any more")
    found = dataset.replay("results/double/2.csv", status=1)
    assert "input data/2.txt: it is not in the commit" in str(found.job("double").reason)
    brought = dataset.replay("results/double/2.csv", "--uncommitted")
    assert brought.verdict.outcome == "identical"


def test_code_that_is_not_in_git_is_not_replayable(dataset: Dataset) -> None:
    git(dataset.root, "rm", "--quiet", "scripts/label.py")
    git(dataset.root, "commit", "--quiet", "--message", "without a script")
    found = dataset.replay("results/label.txt", "--job-only", status=1)
    assert found.job("label").outcome == "not replayable"
    assert "code not in git: scripts/label.py" in str(found.job("label").reason)


def test_a_recorded_content_that_is_gone_leaves_only_digests_to_compare(dataset: Dataset) -> None:
    git(dataset.root, "annex", "drop", "--quiet", "--force", "results/field.nc")
    found = dataset.replay("results/field.nc", "--job-only", status=1)
    output = found.output("results/field.nc")
    assert output.outcome == "different"
    assert "the recorded content can't be had, only digests were compared" in str(output.reason)


def test_a_job_that_needs_the_network_is_not_replayable(dataset: Dataset) -> None:
    found = dataset.replay("results/page.txt", status=1)
    assert found.job("page").outcome == "not replayable"
    assert "network needed: it said 'urllib.error.URLError" in str(found.job("page").reason)

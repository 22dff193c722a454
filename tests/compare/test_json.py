from __future__ import annotations

import json

import pytest

from tests.compare.conftest import Compared, told


def test_places_are_paths(compared: Compared) -> None:
    one = {"a": [{"b": 1.0}, 2], "odd key": True, "c": None}
    other = {"a": [{"b": 1.5}, 2], "odd key": False, "c": None}
    found = compared("a.json", json.dumps(one), json.dumps(other))
    assert (found.outcome, found.compared_as) == ("different", "json")
    assert told(found) == [("$.a[0].b", "1.0", "1.5"), ('$["odd key"]', "true", "false")]
    assert found.differences[0].amount == 0.5
    assert found.values == 4


def test_order_of_keys_and_spaces_do_not_count(compared: Compared) -> None:
    found = compared("a.json", '{"a":1,"b":2}', '{"b": 2,\n "a": 1}')
    assert found.outcome == "equivalent"
    assert found.ignored == ("the order of keys ($)",)


def test_numbers_are_compared_by_value(compared: Compared) -> None:
    assert compared("a.json", "[1, 2.5]", "[1.0, 25e-1]").outcome == "equivalent"


def test_a_truth_value_is_no_number(compared: Compared) -> None:
    assert told(compared("a.json", "[1]", "[true]")) == [("$[0]", "1", "true")]


def test_what_is_missing_or_new_is_told(compared: Compared) -> None:
    found = compared("a.json", '{"a": [1, 2], "b": {"x": 1}}', '{"a": [1], "c": "new"}')
    assert told(found) == [
        ("$.a", "array of 2", "array of 1"),
        ("$.b", "object of 1 key", "missing"),
        ("$.c", "missing", '"new"'),
    ]


def test_whole_numbers_of_any_size_are_exact(compared: Compared) -> None:
    found = compared("a.json", f"[{10**400}]", f"[{10**400 + 1}]", relative=0)
    assert found.outcome == "different"
    assert compared("a.json", f"[{10**400}]", f"[{10**400 + 1}]").outcome == "equivalent"


def test_nan_is_equal_to_nan(compared: Compared) -> None:
    assert compared("a.json", "[NaN, 1]", "[NaN,1]").outcome == "equivalent"


def test_geojson_is_json(compared: Compared) -> None:
    text = '{"type": "Point", "coordinates": [11.0, %s]}'
    found = compared("a.geojson", text % "47.1", text % "47.2")
    assert told(found) == [("$.coordinates[1]", "47.1", "47.2")]


def test_json_lines_are_compared_line_by_line(compared: Compared) -> None:
    found = compared("a.jsonl", '{"a": 1}\n{"a": 2}\n', '{"a":1}\n{"a": 3}\n{}\n')
    assert told(found) == [("line 2: $.a", "2", "3"), ("line 3", "missing", "there")]


def test_json_without_a_suffix_is_recognised(compared: Compared) -> None:
    assert compared("result", '{"a": 1}', '{"a":1}').outcome == "equivalent"


def test_what_is_no_json_is_compared_as_text_with_the_reason(compared: Compared) -> None:
    found = compared("a.json", '{"a": 1', '{"a": 2')
    assert (found.outcome, found.compared_as) == ("different", "text")
    assert found.ignored[0].startswith("the content as json: it is not JSON (Expecting ',' ")


def test_a_log_that_begins_with_a_bracket_is_text_without_a_word(compared: Compared) -> None:
    found = compared("run.log", "[Mon] started\n", "[Tue] started\n")
    assert (found.compared_as, found.ignored) == ("text", ())


def test_a_key_that_stands_twice_is_not_guessed_about(compared: Compared) -> None:
    found = compared("a.json", '{"a": 1, "a": 2}', '{"a": 3, "a": 2}')
    assert (found.outcome, found.compared_as) == ("different", "text")


@pytest.mark.parametrize("depth", [900, 200_000])
def test_deep_nesting_is_no_crash(compared: Compared, depth: int) -> None:
    sides = ("[" * depth + inner + "]" * depth for inner in ("1", "2"))
    assert compared("a.json", *sides).outcome == "different"


def test_times_of_execution_in_a_notebook_are_ignored_and_named(compared: Compared) -> None:
    def notebook(time: str, value: int) -> str:
        cell = {"id": time, "metadata": {"papermill": {"start_time": time}}, "outputs": [value]}
        return json.dumps({"cells": [cell], "metadata": {"papermill": {"end_time": time}}})

    found = compared("a.ipynb", notebook("10:00", 1), notebook("10:01", 1))
    assert found.outcome == "equivalent"
    assert "$.cells[0].metadata.papermill" in found.ignored
    found = compared("a.ipynb", notebook("10:00", 1), notebook("10:01", 2))
    assert told(found) == [("$.cells[0].outputs[0]", "1", "2")]


def test_comments_in_yaml_do_not_count_but_values_do(compared: Compared) -> None:
    assert compared("a.yaml", "a: 1\n", "a: 1  # why\n").outcome == "equivalent"
    assert told(compared("a.yaml", "a: [1, 2]\n", "a: [1, 3]\n")) == [("$.a[1]", "2", "3")]


def test_a_key_that_stands_twice_in_yaml_is_not_guessed_about(compared: Compared) -> None:
    found = compared("a.yaml", "a: 1\na: 2\n", "a: 3\na: 2\n")
    assert (found.outcome, found.compared_as) == ("different", "text")


def test_yaml_that_makes_objects_is_text(compared: Compared) -> None:
    text = "a: !!python/object/apply:os.system [%s]\n"
    found = compared("a.yaml", text % "one", text % "two")
    assert (found.outcome, found.compared_as) == ("different", "text")


def test_yaml_whose_aliases_explode_is_given_up(compared: Compared) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = "\n".join(["l0: &l0 [x]", *levels])
    found = compared("a.yaml", text, text + " # more\n")
    assert found.compared_as == "text"

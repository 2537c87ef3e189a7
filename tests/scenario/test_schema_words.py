"""The room that says what a document does against a schema, on small schemas of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import harness.schema
from harness.schema import load_schema, one_of, schema_mistakes, schema_path


@pytest.fixture
def told(monkeypatch):
    """What is told about a document against a schema that is given and not found."""

    def told(schema, document):
        harness.schema._validator.cache_clear()
        monkeypatch.setattr(harness.schema, "load_schema", lambda _: schema)
        lines = [str(mistake) for mistake in schema_mistakes("given", document)]
        harness.schema._validator.cache_clear()
        return lines

    return told


POOL = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
SHAPES = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"kind": {"const": "disc"}, "radius": {"type": "number"}},
            "required": ["radius"],
        },
        {
            "type": "object",
            "properties": {"kind": {"const": "bar"}, "width": {"type": "number"}},
            "required": ["width"],
        },
        {"type": "null"},
    ]
}


@pytest.mark.parametrize(
    ("schema", "document", "lines"),
    [
        (POOL, {"size": 1}, []),
        (POOL, {"size": 0}, ["size: expected at least 1, found 0"]),
        (POOL, {"size": -0.5}, ["size: expected a whole number, at least 1, found -0.5"]),
        (POOL, {"sizes": 1}, ["sizes: expected size, found an unknown key"]),
        (POOL, [], ["top level: expected a table, found an empty list"]),
        ({"type": ["number", "null"]}, "x", ["top level: expected a number or null, found 'x'"]),
        ({"enum": ["a", None]}, 1, ["top level: expected one of a, null, found 1"]),
        ({"const": 3}, 4, ["top level: expected 3, found 4"]),
        ({"exclusiveMinimum": 0, "maximum": 1}, 0, ["top level: expected more than 0 and at most 1, found 0"]),
        (
            {"items": {"type": "string"}},
            ["a", 1, None],
            ["[1]: expected a string, found 1", "[2]: expected a string, found null"],
        ),
        ({"maxLength": 1}, "ab", ["top level: expected at most 1 character, found 'ab'"]),
        ({"multipleOf": 2}, 3, ["top level: expected what multipleOf 2 allows, found 3"]),
        (False, 1, ["top level: expected nothing, found 1"]),
        # unions: the part that was most likely meant, and nothing of the others
        (SHAPES, {"kind": "bar", "width": "wide"}, ["width: expected a number, found 'wide'"]),
        (SHAPES, {"kind": "disc"}, ["radius: expected a number, found nothing"]),
        (SHAPES, 3, ["top level: expected a table or null, found 3"]),
        (
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            ["top level: expected at least one of a, b, found none of them"],
        ),
        (
            {"oneOf": [{"type": "number"}, {"minimum": 0}]},
            3,
            ["top level: expected exactly one of the alternatives, found 3"],
        ),
        (
            {"title": "a word", "anyOf": [{"type": "string"}, {"type": "null"}]},
            3,
            ["top level: expected a word, found 3"],
        ),
    ],
)
def test_what_is_told(told, schema, document, lines):
    assert told(schema, document) == lines


def test_mistakes_come_in_the_order_of_the_document_and_missing_keys_last(told):
    schema = {"properties": {key: {"type": "null"} for key in "abc"}, "required": ["d"]}
    found = told(schema, {"c": 1, "a": 2, "b": 3})
    assert [line.partition(":")[0] for line in found] == ["c", "a", "b", "d"]


def test_long_values_are_cut(told):
    (line,) = told({"type": "null"}, "x" * 10_000)
    assert len(line) < 120


def test_a_key_that_is_no_bare_word_is_quoted(told):
    assert told(POOL, {"a.b": 1}) == ['"a.b": expected size, found an unknown key']


@pytest.mark.parametrize(
    ("names", "found", "phrase"),
    [
        ([], "x", "none"),
        (["a"], "x", "a"),
        (["size", "queue"], "sise", "one of size, queue (nearest: size)"),
        (["size", "queue"], "zzz", "one of size, queue"),
    ],
)
def test_one_of(names, found, phrase):
    assert one_of(names, found) == phrase


def test_the_installed_schemas_come_before_the_checkouts(tmp_path, monkeypatch):
    package = tmp_path / "harness"
    (package / "schemas").mkdir(parents=True)
    shutil.copy(schema_path("scenario"), package / "schemas")
    monkeypatch.setattr(harness.schema, "__file__", str(package / "schema.py"))
    assert schema_path("scenario") == package / "schemas" / "scenario.schema.json"


def test_an_unknown_schema_is_the_callers_fault():
    with pytest.raises(FileNotFoundError, match="no schema 'scenarioo'"):
        schema_path("scenarioo")


def test_a_loaded_schema_is_the_callers_own():
    load_schema("scenario").clear()
    assert load_schema("scenario") == json.loads(Path(schema_path("scenario")).read_text(encoding="utf-8"))


NUMBERS = {"type": "array", "items": {"type": ["number", "null"], "minimum": 0}}
COUNTS = {"type": "array", "items": {"type": "integer", "minimum": 1, "description": "Count."}}
ODD = [0, 1, 1.0, 2.5, -1, -0.5, None, True, "1", [], {}, float("nan"), float("inf"), 10**400]


@pytest.mark.parametrize("schema", [NUMBERS, COUNTS])
@pytest.mark.parametrize("values", [[], [1, 2], *([one] for one in ODD), [1, *ODD], [None, 3]])
def test_a_list_of_numbers_is_judged_as_jsonschema_does(told, schema, values):
    plain = [f"[{error.path[0]}]" for error in Draft202012Validator(schema).iter_errors(values)]
    assert [line.partition(":")[0] for line in told(schema, values)] == sorted(set(plain), key=plain.index)


def test_one_object_that_lacks_keys_is_told_of_each_once(told):
    schema = {"type": "array", "items": {"type": "object", "required": ["a", "b", "c"]}}
    lacking = [f"[{k}].{key}: expected a value, found nothing" for k in range(3) for key in "abc"]
    assert told(schema, [{}, {}, {}]) == lacking
    assert told(schema, [{"a": 1, "b": 1, "c": 1}, {"b": 1}]) == [lacking[3], lacking[5]]
